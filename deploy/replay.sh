#!/usr/bin/env bash
# Proves deploy/Dockerfile where there is no container engine: replays its instructions, read from the file itself, in
# a fresh Debian root, then runs the image's command there as its own user, on a read-only root without a network, and
# makes one painted asset through it. Needs root, debootstrap and util-linux.
#
#   deploy/replay.sh [WORK_FOLDER]      default /var/tmp/maquette-replay; its `base` is kept for the next time
#
# The differences from a container engine: the base is debootstrap's Debian 12 with Debian's Python 3.11 instead of
# python:3.11-slim-bookworm; pip's cache and configuration are the host's; cgroups and seccomp are left out.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
work=${1:-/var/tmp/maquette-replay}
declare -A args=([TORCH]=cpu) env=()
user=root workdir=/ root="" stage=""
entrypoint=() cmd=() health=()

say() { printf '\n== %s\n' "$*"; }
size() { du -sm "$@" | awk '{s += $1} END {print s " MB"}'; }
enter() { # the options of unshare, then the command, in $root with the image's environment
  unshare --mount --pid --fork "$@"
}

base() { # a fresh copy of the base as $1
  if [ ! -e "$work/base/.complete" ]; then
    say "debootstrap: the base"
    rm -rf "$work/base"
    debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates bookworm "$work/base" >/dev/null
    touch "$work/base/.complete"
  fi
  cp -a --reflink=auto "$work/base" "$1"
}

expand() { # ${NAME} and $NAME of arguments and environment, in the text of an instruction
  local text=$1 name
  for name in "${!args[@]}"; do text=${text//\$\{$name\}/${args[$name]}}; done
  for name in PATH; do text=${text//\$$name/${env[PATH]:-/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin}}; done
  printf '%s' "$text"
}

environment() { for name in "${!env[@]}"; do printf '%s=%s\n' "$name" "${env[$name]}"; done; }

build_step() { # a RUN: the host's network, pip cache and pip configuration, nothing else of the host
  local -a vars
  mapfile -t vars < <(environment; for name in "${!args[@]}"; do printf '%s=%s\n' "$name" "${args[$name]}"; done)
  ROOT=$root enter bash -euc '
    mkdir -p "$ROOT"/{proc,root/.cache/pip,opt/wheels} && mount -t proc proc "$ROOT/proc"
    for place in /etc/resolv.conf /etc/hosts /etc/pip.conf; do
      [ ! -e "$place" ] || { touch "$ROOT$place" && mount --bind "$place" "$ROOT$place"; }
    done
    cache=${PIP_CACHE_DIR:-$HOME/.cache/pip}; mkdir -p "$cache" && mount --bind "$cache" "$ROOT/root/.cache/pip"
    [ -z "${PIP_FIND_LINKS:-}" ] || mount --bind "$PIP_FIND_LINKS" "$ROOT/opt/wheels"
    if [ -d /etc/ssl/certs ]; then mount --bind /etc/ssl/certs "$ROOT/etc/ssl/certs"; fi
    vars=(); [ -z "${PIP_FIND_LINKS:-}" ] || vars+=(PIP_FIND_LINKS=/opt/wheels PIP_RETRIES=1)
    exec chroot "$ROOT" env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
      "${vars[@]}" "$@"' _ "${vars[@]}" /bin/sh -c "$1"
}

json_words() { python3 -c 'import json, sys; print("\n".join(json.loads(sys.argv[1])))' "$1"; }

instruction() {
  local word=$1 rest=$2 name value
  case $word in
    ARG) name=${rest%%=*}; [ -n "${args[$name]:-}" ] || args[$name]=${rest#*=} ;;
    FROM)
      stage=$(awk '{print tolower($2) == "as" ? $3 : "final"}' <<<"$rest"); root=$work/$stage; base "$root"
      env=() ;;
    COPY)
      local -a words; read -ra words <<<"$rest"; local from=$here target=${words[-1]}
      if [[ ${words[0]} == --from=* ]]; then from=$work/${words[0]#--from=}; words=("${words[@]:1}"); fi
      unset 'words[-1]'
      if [[ $target == */ ]]; then mkdir -p "$root$target"; else mkdir -p "$root$(dirname "$target")"; fi
      for name in "${words[@]}"; do cp -a "$from/$name" "$root$target"; done ;;
    RUN) build_step "$(sed -E 's/^(--mount=[^ ]+ +)+//' <<<"$rest")" ;;
    ENV) for value in $(expand "$rest"); do env[${value%%=*}]=${value#*=}; done ;;
    USER) user=$rest ;;
    WORKDIR) workdir=$rest ;;
    VOLUME | EXPOSE) ;;
    HEALTHCHECK) mapfile -t health < <(json_words "[${rest#*CMD \[}") ;;
    ENTRYPOINT) mapfile -t entrypoint < <(json_words "$rest") ;;
    CMD) mapfile -t cmd < <(json_words "$rest") ;;
    *) echo "replay.sh does not know $word" >&2; exit 1 ;;
  esac
}

[ "$(id -u)" = 0 ] || { echo "replay.sh must run as root: it makes a root file system" >&2; exit 1; }
mkdir -p "$work"
for name in $(sed -nE 's/^FROM .* AS ([a-z]+)$/\1/p' "$here/deploy/Dockerfile") final; do rm -rf "${work:?}/$name"; done
started=$SECONDS
while IFS= read -r line; do
  say "$line"
  before=$SECONDS
  instruction "${line%% *}" "${line#* }"
  [ $((SECONDS - before)) -lt 2 ] || echo "   $((SECONDS - before)) s"
done < <(sed -E '/^[[:space:]]*(#|$)/d' "$here/deploy/Dockerfile" | sed -E ':a; /\\$/ { N; s/[[:space:]]*\\\n[[:space:]]*/ /; ba }')
say "built in $((SECONDS - started)) s"
packages=$(echo "$root"/opt/maquette/lib/python3*/site-packages)
echo "base $(size "$work/base"), image $(size "$root"): torch $(size "$packages"/torch), maquette $(size "$packages"/maquette)"
if compgen -G "$root/usr/bin/*gcc*" >/dev/null || compgen -G "$root/usr/lib/*/libGL.so*" >/dev/null; then
  echo "the image has a compiler or libGL" >&2; exit 1
fi

say "run: ${entrypoint[*]} ${cmd[*]} as $user, root read-only, no network, /data and /tmp writable"
mkdir -p "$work/data" && rm -rf "${work:?}/data"/* && chown 10001 "$work/data"
cp "$here/examples/sofa.png" "$work/data/"
mapfile -t vars < <(environment)
(cd "$root" && find . -xdev \( -path ./proc -o -path ./data -o -path ./tmp \) -prune -o -printf '%p %s %T@ %m %U\n') | sort >"$work/before"
key=mq_replay_$(head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n')
# What happens inside: the image's command, its health check until it passes, one asset over HTTP, and an orderly end.
inside='
  cd /data
  if touch /opt/maquette/written 2>/dev/null; then echo "the root can be written" >&2; exit 1; fi
  health=("${@:2:$1}"); shift $(($1 + 1))
  "$@" & server=$!
  for _ in $(seq 120); do "${health[@]}" 2>/dev/null && break; kill -0 $server; sleep 1; done
  "${health[@]}" && echo "healthy after $SECONDS s"
  python3 - <<PYTHON
import base64, json, os, urllib.request
picture = base64.b64encode(open("/data/sofa.png", "rb").read()).decode()
asked = {"texture": True, "texture_resolution": 1024, "octree_resolution": 128, "face_count": 10000, "type": "glb"}
body = json.dumps({"image": picture} | asked).encode()
headers = {"Content-Type": "application/json", "Authorization": "Bearer " + os.environ["MAQUETTE_KEY"]}
request = urllib.request.Request("http://127.0.0.1:8080/generate", body, headers)
open("/data/sofa.glb", "wb").write(urllib.request.urlopen(request, timeout=600).read())
PYTHON
  echo "one painted asset after $SECONDS s"
  kill -TERM $server; wait $server || true
'
ROOT=$root DATA=$work/data USER_ID=$user enter --net bash -euc '
  ip link set lo up
  mkdir -p "$ROOT"/{data,tmp,proc,dev}
  mount --bind "$ROOT" "$ROOT" && mount -o remount,bind,ro "$ROOT"
  mount -t proc proc "$ROOT/proc" && mount -t tmpfs -o mode=1777 tmpfs "$ROOT/tmp" && mount --bind "$DATA" "$ROOT/data"
  mount -t tmpfs -o mode=755 tmpfs "$ROOT/dev" && for node in null zero random urandom; do
    touch "$ROOT/dev/$node" && mount --bind "/dev/$node" "$ROOT/dev/$node"; done
  mkdir -m 1777 "$ROOT/dev/shm" && mount -t tmpfs -o mode=1777 tmpfs "$ROOT/dev/shm"
  exec chroot "$ROOT" setpriv --reuid "$USER_ID" --regid "$USER_ID" --clear-groups --no-new-privs --bounding-set=-all \
    env -i "$@"' _ "${vars[@]}" "MAQUETTE_KEY=$key" bash -euc "$inside" _ "${#health[@]}" "${health[@]}" "${entrypoint[@]}" "${cmd[@]}"
say "what was written outside the volumes"
(cd "$root" && find . -xdev \( -path ./proc -o -path ./data -o -path ./tmp \) -prune -o -printf '%p %s %T@ %m %U\n') | sort >"$work/after"
diff "$work/before" "$work/after"
echo nothing
say "what was written to /data"
(cd "$work/data" && du -ah --apparent-size --max-depth=2)
python3 - "$work/data/sofa.glb" <<'PYTHON'
import json, pathlib, struct, sys
data = pathlib.Path(sys.argv[1]).read_bytes()
assert data[:4] == b"glTF", "no GLB was made"
scene = json.loads(data[20 : 20 + struct.unpack("<I", data[12:16])[0]])
assert "baseColorTexture" in scene["materials"][0]["pbrMetallicRoughness"], "it is not painted"
print(f"{sys.argv[1]}: {len(data) / 1e6:.1f} MB of GLB, with {len(scene['images'])} textures")
PYTHON
