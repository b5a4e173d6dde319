# The command of every stage in the torture test. What it makes is a function of what it was told to read, and of nothing else;
# test/torture/oracle.ts makes the same without dagrun.
#
# step.sh VERSION NAMED ENTRY SHAPE…    NAMED: "named" where name and paths count; ENTRY: a script with imports, or "-"
set -eu
LC_ALL=C
export LC_ALL
echo "$DAGRUN_STAGE" >> "$RIG_LOG"
cd "$DAGRUN_ROOT"
version=$1 named=$2 entry=$3
shift 3

paths() { # deps | outs
  sed -n "/^  \"$1\": \\[\$/,/^  \\]/s/^      \"path\": \"\\(.*\\)\",\\{0,1\\}\$/\\1/p" "$DAGRUN_CONTEXT"
}

look() {
  if [ -d "$1" ]; then
    echo tree
    (
      cd "$1"
      find . -mindepth 1 \( -type f -perm -100 -printf 'x %P\n' -o -type f -printf 'f %P\n' -o -type d -printf 'd %P\n' -o -type l -printf 'l %P %l\n' \) | sort
      find . -mindepth 1 \( -type f -o -type l \) -printf '%P\n' | sort | xargs -r -d '\n' sha256sum 2> /dev/null || true
    )
  elif [ -x "$1" ]; then
    echo executable
    cat "$1"
  else
    echo file
    cat "$1"
  fi
}

looks() {
  while read -r path; do
    case $path in
    *'*'*) for match in $path; do echo "match $match" && look "$match"; done ;;
    *) if [ "$named" = named ]; then echo "dep $path"; else echo dep; fi && look "$path" ;;
    esac
  done
}

follow() {
  case " $seen " in *" $1 "*) return ;; esac
  seen="$seen $1"
  cat "$1"
  for next in $(sed -n "s/^import '\\.\\/\\(.*\\)';\$/\\1/p" "$1"); do follow "${1%/*}/$next"; done
}

tell() {
  echo "$version"
  if [ "$named" = named ]; then
    echo "$DAGRUN_STAGE"
    paths deps | sort | looks
    sed -n '/^  "params": {$/,/^  }/p' "$DAGRUN_CONTEXT"
  else
    paths deps | looks
    sed -n '/^  "params": {$/,/^  }/{s/^ *"[^"]*": //;p}' "$DAGRUN_CONTEXT" | sed 's/,$//'
  fi
  seen=''
  if [ "$entry" != - ]; then follow "$entry"; fi
  sed -n 's/^        "fingerprint": "\(.*\)",$/run \1/p' "$DAGRUN_CONTEXT"
}

hash=$(tell | sha256sum | cut -c 1-16)
case $hash in [0-7]*) half=low ;; *) half=high ;; esac

make() { # SHAPE PATH
  case $1 in
  file) echo "$hash" > "$2" ;;
  script) echo "$hash" > "$2" && chmod +x "$2" ;;
  bit) echo same > "$2" && if [ $half = low ]; then chmod +x "$2"; fi ;;
  flat) echo "$half" > "$2" ;;
  metric) echo "{\"half\": \"$half\", \"hash\": \"$hash\"}" > "$2" ;;
  big) yes "$hash" | head -c 153000 > "$2" ;;
  tree)
    mkdir -p "$2/sub/deep" "$2/empty"
    echo "$hash" > "$2/name-$(printf %.1s "$hash")"
    echo "$half" > "$2/sub/deep/half"
    echo tool > "$2/sub/tool" && chmod +x "$2/sub/tool"
    ln -s "deep/half" "$2/sub/link"
    ln -s "../outside-of-out" "$2/nowhere"
    case $hash in
    [0-4]*) echo "$half" > "$2/changing" ;;
    [5-9]*) mkdir "$2/changing" && echo "$half" > "$2/changing/inner" ;;
    *) ln -s sub "$2/changing" ;;
    esac
    ;;
  hollow) mkdir -p "$2" && if [ $half = high ]; then mkdir "$2/a" && echo high > "$2/b"; fi ;;
  kept) mkdir -p "$2" && : > "$2/$hash" ;;
  esac
}

paths outs | while read -r path; do
  make "$1" "$path"
  shift
  case $version in *fail*) break ;; esac
done
case $version in *slow*) sleep 0.1 ;; esac
case $version in *fail*) exit 3 ;; esac
