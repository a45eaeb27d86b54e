package main

// completionScripts call `corectl __complete` for candidates. bash splits words
// at '=', so only the other shells complete a parameter as one word.
var completionScripts = map[string]string{
	"bash": `# source <(corectl completion bash)
_corectl() {
  local IFS=$'\n'
  COMPREPLY=($(corectl __complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _corectl corectl
`,
	"zsh": `#compdef corectl
# source <(corectl completion zsh)
_corectl() {
  local -a found
  found=("${(@f)$(corectl __complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ -n "$found" ]]; then compadd -a found; else _files; fi
}
if [[ "$funcstack[1]" = _corectl ]]; then _corectl "$@"; else compdef _corectl corectl; fi
`,
	"fish": `# corectl completion fish | source
function __corectl_complete
  set -l words (commandline -opc) (commandline -ct)
  corectl __complete -- $words[2..-1] 2>/dev/null
end
complete -c corectl -f -a '(__corectl_complete)'
`,
	"powershell": `# corectl completion powershell | Out-String | Invoke-Expression
Register-ArgumentCompleter -Native -CommandName corectl -ScriptBlock {
  param($word, $ast, $position)
  $words = @($ast.CommandElements | Where-Object { $_.Extent.EndOffset -le $position } | ` +
		`Select-Object -Skip 1 | ForEach-Object { "$_" })
  if ($word -eq '') { $words += '""' }
  corectl __complete -- @words 2>$null | ForEach-Object {
    [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_)
  }
}
`,
}
