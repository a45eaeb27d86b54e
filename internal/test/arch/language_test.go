package arch

import (
	"go/scanner"
	"go/token"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// rule rejects a word or a pattern and names the standard words for it.
type rule struct {
	pattern *regexp.Regexp
	instead string
}

func word(pattern, instead string) rule {
	return rule{regexp.MustCompile(`(?i)\b(?:` + pattern + `)\b`), instead}
}

// rules are the words that the repository does not use. A bracket around the
// first letter keeps this file free of them.
var rules = []rule{
	word(`[t]ell|[t]ells|[t]elling|[t]old|[t]eller`, "report, log, publish, notify, print"),
	word(`[m]end|[m]ends|[m]ended|[m]ending`, "fix, repair"),
	word(`[b]ook|[b]ooks|[b]ooked|[b]ooking`, "record, persist; invariants"),
	word(`[a]new`, "again, re-create"),
	word(`[b]esides?`, "next to, in addition to"),
	word(`[i]n hand|[i]n the hands of`, "claimed, in flight"),
	word(`[g]oes on|[g]o on|[g]oing on|[w]ent on|[g]one on|[d]rives? on|[d]rove on`, "continue, resume, restart"),
	word(`[g]ives? back|[g]iven back|[g]ave back|[p]uts? back|[h]ands? back|[h]anded back`, "release, requeue, split"),
	word(`[h]ands? on|[h]anded on|[h]ands? out|[h]anded out`, "relay, send, serve"),
	word(`[a]s a rule`, "usually"),
	word(`[f]or good`, "permanently"),
	word(`[a]t once`, "immediately, concurrently"),
	word(`[w]hatever|[w]hoever|[w]hichever|[n]obody|[s]omebody|[e]verybody|[a]nybody`, "the exact noun"),
	word(`[o]f late|[i]n vain|[m]eanwhile it|[i]n good order`, "recently; without result"),
	word(`[s]o many|[s]o long|[n]o matter that`, "at most N, this time"),
	word(`[t]hereof|[t]herein|[w]herein|[w]hereby|[l]est|[h]itherto`, "a plain conjunction"),
	word(`[c]ulprit|[b]ears? out|[t]akes? as read`, "a literal word"),
	word(`[m]akes? do`, "use"),
}

// literals are the words of all rules in lower case. The race detector makes a
// regular expression ten times slower but not a search for a literal, and nearly
// every text has none of them.
var literals = func() (all []string) {
	for _, r := range rules {
		alternatives := strings.TrimSuffix(strings.TrimPrefix(r.pattern.String(), `(?i)\b(?:`), `)\b`)
		alternatives = strings.NewReplacer("[", "", "]", "").Replace(alternatives)

		for alternative := range strings.SplitSeq(alternatives, "|") {
			before, after, optional := strings.Cut(alternative, "?")
			all = append(all, before+after)

			if optional {
				all = append(all, before[:len(before)-1]+after)
			}
		}
	}

	return all
}()

func hasLiteral(text string) bool {
	text = strings.ToLower(text)
	return slices.ContainsFunc(literals, func(l string) bool { return strings.Contains(text, l) })
}

// isNo finds negations with "no" that need "not a".
var isNo = regexp.MustCompile(`(?i)(\w*)\W+(?:is|are|was|were) no (\w+)`)

// exception is a text that may contain a forbidden word.
type exception struct{ text, reason string }

// account is a user that owns no files, on most systems.
const account = "no" + "body"

// glossary is the list of exceptions. Keep it short.
var glossary = []exception{
	{"#b" + "ooks", "anchor of the runbook; links to it must keep working"},
	{`id="b` + `ooks"`, "anchor of the runbook"},
	{"`" + account + "`", "name of a system account"},
	{`"` + account + `"`, "name of a system account"},
	{account + " account", "name of a system account"},
}

// TestLanguage checks the comments and strings of Go files, and the whole text of
// other files.
func TestLanguage(t *testing.T) {
	t.Parallel()

	kinds := []string{".go", ".sql", ".md", ".yaml", ".yml", ".html", ".tmpl", ".js", ".css", ".sh", ""}

	for _, f := range texts(t, func(p string) bool { return slices.Contains(kinds, filepath.Ext(p)) }) {
		name := filepath.ToSlash(f.path)

		switch {
		case path.Ext(name) == ".go":
			checkGo(t, name, f.content)
		case !strings.ContainsRune(f.content, 0):
			checkText(t, name, 1, f.content)
		}
	}
}

func checkGo(t *testing.T, name, content string) {
	t.Helper()

	var s scanner.Scanner

	files := token.NewFileSet()
	file := files.AddFile(name, -1, len(content))
	s.Init(file, []byte(content), nil, scanner.ScanComments)

	for {
		at, kind, text := s.Scan()
		if kind == token.EOF {
			return
		}

		if kind == token.COMMENT || kind == token.STRING {
			checkText(t, name, files.Position(at).Line, text)
		}
	}
}

// checkText reports each forbidden word with its line.
func checkText(t *testing.T, name string, first int, text string) {
	t.Helper()

	words, no := hasLiteral(text), strings.Contains(strings.ToLower(text), " no ")
	if !words && !no {
		return
	}

	for n, line := range strings.Split(text, "\n") {
		for _, e := range glossary {
			line = strings.ReplaceAll(line, e.text, "")
		}

		if words {
			checkWords(t, name, first+n, line)
		}

		for _, m := range isNo.FindAllStringSubmatch(line, -1) {
			if !strings.EqualFold(m[1], "there") && m[2] != "longer" && m[2] != "more" {
				t.Errorf("%s:%d: %q: use \"is not a\"", name, first+n, m[0])
			}
		}
	}
}

func checkWords(t *testing.T, name string, at int, line string) {
	t.Helper()

	for _, r := range rules {
		if found := r.pattern.FindString(line); found != "" {
			t.Errorf("%s:%d: %q: use %s", name, at, found, r.instead)
		}
	}
}
