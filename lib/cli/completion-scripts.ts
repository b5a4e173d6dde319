// What shells are told: how they ask which words may stand at the cursor, and how they write the answer so that no character of a name
// means anything to them. What the answer is they do not know.

/** Bash splits words at `@`, `:` and `=`, which stand in names of stages: what stands together is one word again here. */
const bash = `# Completion of dagrun for bash: source <(dagrun completion bash)
_dagrun() {
  local rest=\${COMP_LINE-} index piece words=() quote= found
  [ -z "$rest" ] || rest=\${rest:0:COMP_POINT}
  for ((index = 0; index <= COMP_CWORD; index++)); do
    piece=\${COMP_WORDS[index]}
    if [[ $index -gt 0 && -n \${COMP_LINE-} && $rest != [[:space:]]* ]]; then
      [ $index -lt $COMP_CWORD ] || piece=$rest
      words[\${#words[@]} - 1]+=$piece
    else
      rest=\${rest#"\${rest%%[![:space:]]*}"}
      [[ $index -lt $COMP_CWORD || -z \${COMP_LINE-} ]] || piece=$rest
      words+=("$piece")
    fi
    rest=\${rest#"$piece"}
  done
  local last=$((\${#words[@]} - 1)) current
  for ((index = 1; index < last; index++)); do
    [[ \${words[index]} == *[\\'\\"\\\\]* ]] && words[index]=$(printf '%s' "\${words[index]}" | tr -d "'\\"\\\\\\\\")
  done
  current=\${words[last]}
  case $current in
    \\'* | \\"*) quote=\${current:0:1} current=\${current:1} ;;
    *) current=\${current//\\\\/} ;;
  esac
  words[last]=$current
  # Of these, $2 alone is replaced by what is found; what stands before it stays on the line.
  local kept=
  [ $# -lt 2 ] || kept=\${current%"$2"}
  COMPREPLY=()
  while IFS=$'\\t' read -r found _; do
    [ -n "$quote" ] || { found=\${found#"$kept"} && printf -v found %q "$found"; }
    COMPREPLY+=("$found")
  done < <("\${1:-dagrun}" completion words -- "\${words[@]:1}" 2>/dev/null)
}
complete -o bashdefault -o default -F _dagrun dagrun
`;

const zsh = `#compdef dagrun
# Completion of dagrun for zsh: source <(dagrun completion zsh), after compinit
_dagrun() {
  local line
  local -a names shown
  while IFS= read -r line; do
    names+=("\${line%%$'\\t'*}")
    shown+=("\${line%%$'\\t'*}  \${line#*$'\\t'}")
  done < <("\${words[1]}" completion words -- "\${(@Q)words[2,CURRENT-1]}" "\${(Q)PREFIX}" 2>/dev/null)
  if (( $#names )); then
    compadd -l -d shown -a names
  else
    _files
  fi
}
if [ "$funcstack[1]" = _dagrun ]; then _dagrun "$@"; else compdef _dagrun dagrun; fi
`;

const fish = `# Completion of dagrun for fish: dagrun completion fish > ~/.config/fish/completions/dagrun.fish
function __dagrun_complete
    set -l words (commandline -opc)
    set -l program $words[1]
    set -e words[1]
    # A quote that is still open stands in it.
    set -l current (commandline -ct | string replace -r '^[\\'"]' '')
    set -l found ($program completion words -- $words $current 2>/dev/null)
    if test (count $found) -gt 0
        printf '%s\\n' $found
    else
        __fish_complete_path $current
    end
end
complete -c dagrun -f -a '(__dagrun_complete)'
`;

export const completionScripts: ReadonlyMap<string, string> = new Map([
  ['bash', bash],
  ['zsh', zsh],
  ['fish', fish],
]);
