// The batch script of a job: plain sh, since a node need not have anything else. Pure text; knows no controller.
//
// What it does, in its folder on the shared file system:
//   claim/      made by whoever is first: this job, or a runner that gives the job up before it has started. Whoever is late does nothing,
//               so that a job is executed once at most, whatever became of the answer to its submission.
//   out.<n>     the output of the n-th command
//   heart       `<beats> <peak KiB>`, while the commands run
//   revoked     made by the runner: nobody waits any more, end everything
//   overtime    made here: the time limit of the stage is over
// and, renamed into the folder of ends when all is over: `<kind> <code> <command> <began> <ended> <peak KiB> <node> <job>`.

export interface ScriptRequest {
  /** Absolute path of the job's folder. */
  readonly folder: string;
  /** Absolute path of the folder where the end is announced. */
  readonly ends: string;
  readonly token: string;
  readonly cwd: string;
  readonly cmd: readonly string[];
  /** Seconds that the commands may take together; null: no limit. */
  readonly timeout: number | null;
  /** Seconds between two beats. */
  readonly beat: number;
  /** Seconds between SIGTERM and SIGKILL. */
  readonly grace: number;
}

/** Marks the processes of a job on its node. */
const jobMarker = 'DAGRUN_JOB';

/** The kernel takes no single argument of 128 KiB or more: a longer command is read from a file of the job's folder. */
const longestArgument = 100_000;

/** Commands that have to be written as `<folder>/cmd.<n>`, by their position. */
export function longCommands(cmd: readonly string[]): readonly (readonly [position: number, text: string])[] {
  return cmd.flatMap((text, position) =>
    Buffer.byteLength(text) > longestArgument ? [[position, text] as const] : [],
  );
}

export function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

export function batchScript(request: ScriptRequest): string {
  const long = new Set(longCommands(request.cmd).map(([position]) => position));
  const steps = request.cmd.map((text, position) =>
    long.has(position)
      ? `step ${position} /bin/sh ${quote(`${request.folder}/cmd.${position}`)}`
      : `step ${position} /bin/sh -c ${quote(text)}`,
  );
  const limit = request.timeout === null ? '' : String(Math.ceil(request.timeout));
  return `#!/bin/sh
dir=${quote(request.folder)}
ends=${quote(request.ends)}
token=${request.token}
marker=${jobMarker}=$token
limit=${limit}
beat=${request.beat}
grace=${request.grace}
${body}
cd ${quote(request.cwd)} || finish nowhere 1
${steps.join('\n')}
finish exit 0
`;
}

// `read` is a builtin: a job of a tenth of a second must not spend as much again on starting programs.
const body = `
index=0
heart=
asked=
clock() { read -r now rest </proc/uptime || now=$(date +%s); } 2>/dev/null
finish() {
  [ -z "$heart" ] || kill "$heart" 2>/dev/null
  kind=$1
  [ -z "$asked" ] || kind=terminated
  [ ! -e "$dir/overtime" ] || kind=overtime
  [ ! -e "$dir/revoked" ] || kind=revoked
  read -r beats peak <"$dir/heart" || peak=0
  clock
  echo "$kind $2 $index $began $now \${peak:-0} \${SLURMD_NODENAME:-unknown} $SLURM_JOB_ID" >"$dir/end" && mv "$dir/end" "$ends/$token"
  exit "$2"
} 2>/dev/null
clock
began=$now
if ! mkdir "$dir/claim" 2>/dev/null; then
  # Started a second time by Slurm itself; or another job has it, or nobody waits for it any more.
  [ ! -e "$dir/claim/$SLURM_JOB_ID" ] || finish requeued 1
  exit 0
fi
: >"$dir/claim/$SLURM_JOB_ID"
trap 'asked=1' TERM
# Processes of the job are younger than this one, and so have greater numbers until these begin anew.
marked() {
  set --
  read -r one five fifteen count newest </proc/loadavg || newest=0
  for process in /proc/[0-9]*; do
    if [ "\${process#/proc/}" -gt $$ ] || [ "$newest" -lt $$ ]; then set -- "$@" "$process/environ"; fi
  done
  [ $# -eq 0 ] || grep -lF "$marker" "$@"
} 2>/dev/null
signal() {
  for file in $(marked); do
    pid=\${file#/proc/}
    kill -s "$1" "\${pid%/environ}" 2>/dev/null
  done
}
gone() {
  tries=$1
  while [ -n "$(marked)" ]; do
    [ "$tries" -gt 0 ] || return 1
    tries=$((tries - 1))
    sleep 0.1
  done
}
clear() {
  signal TERM
  signal CONT
  gone $((grace * 10)) || { signal KILL; gone 10; }
}
measure() {
  found=$(marked)
  [ -n "$found" ] || return 0
  now_kib=$(cat $(echo "$found" | sed 's/environ$/status/') 2>/dev/null |
    awk '/^VmHWM/ { if ($2 > most) most = $2 } /^VmRSS/ { sum += $2 } END { print (sum > most ? sum : most) + 0 }')
  [ "\${now_kib:-0}" -le "$peak" ] || peak=$now_kib
}
watch() {
  trap 'kill "$nap"; exit 0' TERM
  peak=0
  beats=0
  pause=1
  lived=0
  while :; do
    [ -z "$limit" ] || [ $((limit - lived)) -ge "$pause" ] || pause=$((limit - lived))
    sleep "$pause" &
    nap=$!
    wait "$nap"
    lived=$((lived + pause))
    beats=$((beats + 1))
    if [ -e "$dir/revoked" ]; then clear; break; fi
    if [ -n "$limit" ] && [ "$lived" -ge "$limit" ]; then : >"$dir/overtime"; clear; break; fi
    measure
    echo "$beats $peak" >"$dir/heart"
    pause=$((pause * 2))
    [ "$pause" -le "$beat" ] || pause=$beat
  done
}
watch </dev/null >/dev/null 2>&1 &
heart=$!
step() {
  index=$1
  shift
  ${jobMarker}=$token "$@" </dev/null >>"$dir/out.$index" 2>&1
  code=$?
  if ! gone 0; then
    if [ -z "$asked" ] && ! gone 10; then echo "dagrun: ended what the command left running" >>"$dir/out.$index"; fi
    clear
  fi
  [ "$code" -eq 0 ] && [ -z "$asked" ] && [ ! -e "$dir/overtime" ] && [ ! -e "$dir/revoked" ] || finish exit "$code"
}`;
