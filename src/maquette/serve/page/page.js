// The whole page: a picture goes to /v1/jobs, its events come back, the model is shown. No framework, no other host.

const $ = (id) => document.getElementById(id);
const VIEWS = ["front", "left", "back", "right"];
const STEPS = {
  start: "starting", text: "drawing your words", load: "loading the model", picture: "cutting out the object",
  condition: "looking at it", denoise: "finding the shape", decode: "carving it out", mesh: "cleaning the surface",
  unwrap: "unfolding the surface", paint: "painting", write: "writing files", done: "done",
};
const FORMATS = {
  glb: "GLB", usdz: "USDZ", obj: "OBJ", mtl: "OBJ's material", png: "OBJ's texture", ply: "PLY", stl: "STL", "3mf": "3MF",
};
const suffix = (file) => file.name.split(".").pop();
const chosen = {}; // view name → File
let shown = null; // id of the job on the stage
let following = null; // AbortController of the event stream
let cursor = null;
let urls = []; // object URLs of the stage, freed when another job is shown

// Talking to the server

async function ask(path, options = {}) {
  const key = localStorage.getItem("maquette-key");
  const headers = key ? { Authorization: `Bearer ${key}` } : {};
  const answer = await fetch(path, { ...options, headers });
  if (answer.ok) return answer;
  const problem = await answer.json().catch(() => ({ detail: `the server answered ${answer.status}` }));
  if (answer.status === 401) askForKey();
  throw new Error(problem.detail);
}

const askJson = async (path, options) => (await ask(path, options)).json();

async function objectUrl(path) {
  return URL.createObjectURL(await (await ask(path)).blob());
}

function askForKey() {
  $("key-button").hidden = false;
  if (!$("key-dialog").open) $("key-dialog").showModal();
}

$("key-button").onclick = askForKey;
$("key-dialog").onclose = () => {
  if ($("key").value) {
    localStorage.setItem("maquette-key", $("key").value.trim());
    $("key").value = "";
    start();
  }
};

// Choosing pictures

function choose(view, file) {
  if (!file || !file.type.startsWith("image/")) return fault("That is not a picture. PNG, JPEG or WebP will do.");
  fault("");
  chosen[view] = file;
  const slot = document.querySelector(`input[name=${view}]`).parentElement;
  slot.classList.add("filled");
  slot.style.backgroundImage = `url(${URL.createObjectURL(file)})`;
  $("make").disabled = !chosen.front;
}

for (const view of VIEWS) {
  const input = document.querySelector(`input[name=${view}]`);
  const slot = input.parentElement;
  input.onchange = () => input.files[0] && choose(view, input.files[0]);
  slot.ondragover = (event) => { event.preventDefault(); slot.classList.add("over"); };
  slot.ondragleave = () => slot.classList.remove("over");
  slot.ondrop = (event) => {
    event.preventDefault();
    slot.classList.remove("over");
    choose(view, event.dataTransfer.files[0]);
  };
}
document.onpaste = (event) => {
  const file = [...event.clipboardData.files][0];
  if (file) choose("front", file);
};

function fault(text) {
  $("fault").textContent = text;
  $("fault").hidden = !text;
}

$("ask").onsubmit = async (event) => {
  event.preventDefault();
  const form = new FormData();
  for (const name of ["model", "texture", "cutout", "resolution", "faces", "seed"]) {
    const value = $("ask").elements[name].value;
    if (value) form.append(name, value);
  }
  form.append("formats", $("ask").dataset.formats);
  for (const view of VIEWS) if (chosen[view]) form.append(view, chosen[view]);
  $("make").disabled = true;
  fault("");
  try {
    const job = await askJson("v1/jobs", { method: "POST", body: form });
    await open(job);
    await listJobs();
  } catch (error) {
    fault(error.message);
  } finally {
    $("make").disabled = false;
  }
};

// Following one job

async function open(job) {
  following?.abort();
  urls.forEach(URL.revokeObjectURL);
  urls = [];
  shown = job.id;
  $("viewer").hidden = $("preview").hidden = $("result").hidden = true;
  $("viewer").removeAttribute("src");
  $("preview").dataset.path = "";
  $("empty").hidden = false;
  $("empty").textContent = "";
  document.body.className = "busy";
  for (const item of $("list").querySelectorAll("button")) item.classList.toggle("open", item.dataset.id === job.id);
  await show(job);
  if (!isFinal(job)) follow(job.id);
}

const isFinal = (job) => ["succeeded", "failed", "cancelled"].includes(job.state);

async function follow(id) {
  following = new AbortController();
  const { signal } = following;
  while (!signal.aborted) {
    try {
      const answer = await ask(`v1/jobs/${id}/events`, { signal });
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      for (let text = ""; ;) {
        const { value, done } = await reader.read();
        if (done) break;
        text += value;
        const events = text.split("\n\n");
        text = events.pop();
        for (const event of events) {
          const data = event.split("\n").find((line) => line.startsWith("data: "));
          if (!data) continue;
          const job = JSON.parse(data.slice(6));
          await show(job);
          if (isFinal(job)) { listJobs(); return; }
        }
      }
    } catch (error) {
      if (signal.aborted) return;
      $("said").textContent = "the connection is gone; trying again";
    }
    await new Promise((resolve) => setTimeout(resolve, 2000));
  }
}

async function show(job) {
  if (job.id !== shown) return;
  const final = isFinal(job);
  $("progress").hidden = final;
  document.querySelector(".bar i").style.width = `${100 * (job.progress?.fraction ?? 0)}%`;
  $("said").textContent = sentence(job);
  if (job.state === "succeeded") return finish(job);
  if (final) {
    document.body.className = "done";
    $("preview").hidden = true;
    $("empty").hidden = false;
    $("empty").textContent = job.state === "cancelled" ? "Cancelled." : "This one failed.";
    if (job.error) fault(job.error.detail);
    return;
  }
  if (job.preview && $("preview").dataset.path !== job.preview) {
    $("preview").dataset.path = job.preview;
    const url = await objectUrl(job.preview);
    urls.push(url);
    $("preview").src = url;
    $("preview").hidden = false;
    $("empty").hidden = true;
  }
}

function sentence(job) {
  if (job.state === "queued") return job.position > 1 ? `number ${job.position} in the queue` : "next in the queue";
  const step = STEPS[job.progress?.step] ?? job.progress?.step ?? "starting";
  const left = job.progress?.seconds_left;
  return left > 1 ? `${step}, about ${left < 90 ? `${Math.ceil(left)} s` : `${Math.ceil(left / 60)} min`} left` : step;
}

async function finish(job) {
  document.body.className = "done";
  const files = job.files.filter((file) => file.role === "output" && file.name !== "shape.glb");
  const order = Object.keys(FORMATS);
  files.sort((a, b) => order.indexOf(suffix(a)) - order.indexOf(suffix(b)));
  $("downloads").replaceChildren(...files.map(downloadLink));
  const made = job.result?.maquette ?? {};
  const facts = [`${job.result?.faces?.toLocaleString() ?? "?"} triangles`, `seed ${job.parameters.seed}`, job.model];
  if (made.license) facts.push(made.license);
  facts.push(`${Math.round((new Date(job.finished_at) - new Date(job.started_at)) / 1000)} s`);
  $("facts").textContent = [facts.join(" · "), ...(job.result?.notes ?? [])].join(" — ");
  $("result").hidden = false;
  const url = await objectUrl(job.files.find((file) => file.name === "model.glb").url);
  if (job.id !== shown) return;
  urls.push(url);
  $("viewer").onload = () => {
    $("preview").hidden = $("empty").hidden = true;
    if (job.parameters.texture) return;
    for (const material of $("viewer").model.materials) { // clay shows a bare shape better than white does
      material.pbrMetallicRoughness.setBaseColorFactor([0.52, 0.47, 0.41, 1]);
      material.pbrMetallicRoughness.setRoughnessFactor(0.85);
    }
  };
  $("viewer").src = url;
  $("viewer").hidden = false;
}

function downloadLink(file) {
  const link = document.createElement("a");
  const size = file.size < 1e6 ? `${Math.ceil(file.size / 1e3)} KB` : `${(file.size / 1e6).toFixed(1)} MB`;
  link.className = "file";
  link.href = file.url;
  link.download = file.name;
  link.innerHTML = "<span></span> <small></small>";
  link.children[0].textContent = FORMATS[suffix(file)] ?? file.name;
  link.children[1].textContent = size;
  link.onclick = async (event) => {
    if (!localStorage.getItem("maquette-key") || link.href.startsWith("blob:")) return;
    event.preventDefault(); // a plain link could not carry the key
    link.href = await objectUrl(file.url);
    urls.push(link.href);
    link.click();
  };
  return link;
}

$("cancel").onclick = () => ask(`v1/jobs/${shown}`, { method: "DELETE" }).catch((error) => fault(error.message));

// Earlier jobs

async function listJobs(more = false) {
  const page = await askJson(`v1/jobs?limit=24${more && cursor ? `&cursor=${cursor}` : ""}`);
  cursor = page.next;
  $("more").hidden = !cursor;
  const items = page.jobs.map(historyItem);
  if (more) $("list").append(...items);
  else $("list").replaceChildren(...items);
  $("history").hidden = !$("list").children.length;
}

function historyItem(job) {
  const item = document.createElement("li");
  item.innerHTML = '<button type="button"><span class="thumb"></span><span class="text"></span></button>';
  const button = item.firstChild;
  const made = new Date(job.created_at);
  const isToday = made.toDateString() === new Date().toDateString();
  const when = isToday ? made.toLocaleTimeString([], { timeStyle: "short" }) : made.toLocaleDateString([], { dateStyle: "medium" });
  button.dataset.id = job.id;
  button.classList.toggle("open", job.id === shown);
  button.children[1].textContent = job.state === "succeeded" ? when : job.state;
  button.title = made.toLocaleString();
  button.onclick = async () => {
    fault("");
    open(await askJson(`v1/jobs/${job.id}`)).catch((error) => fault(error.message));
    $("work").scrollIntoView({ behavior: "smooth", block: "nearest" });
  };
  if (job.preview) objectUrl(job.preview).then((url) => { button.children[0].style.backgroundImage = `url(${url})`; });
  return item;
}

$("more").onclick = () => listJobs(true);

async function start() {
  try {
    const { models, painters, formats } = await askJson("v1/models");
    $("ask").elements.model.replaceChildren(...models.map((model) => new Option(model.name, model.name, model.default)));
    $("ask").dataset.formats = formats;
    $("paint-row").hidden = !painters.length;
    $("ask").elements.texture.value = String(painters.length > 0);
    await listJobs();
    fault("");
  } catch (error) {
    fault(error.message);
  }
}

start();
