// Prints the Khronos validator's report on each file named, as one JSON object from file name to issues.
import { readFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import validator from "gltf-validator";

const reports = {};
for (const file of process.argv.slice(2)) {
  const options = {
    uri: basename(file),
    maxIssues: 100,
    externalResourceFunction: async (uri) => new Uint8Array(await readFile(join(dirname(file), uri))),
  };
  reports[file] = (await validator.validateBytes(new Uint8Array(await readFile(file)), options)).issues;
}
console.log(JSON.stringify(reports));
