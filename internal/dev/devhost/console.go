package devhost

import (
	"context"
	"log/slog"
	"strings"
	"sync"
)

// Prefixes of lines that the host does not show.
const (
	systemLogPrefix = "LanguageWorkerConsoleLog"
	toolingPrefix   = "azfuncjsonlog:"
)

// ConsoleLevel returns the level of a line of the handler, the text to log, and
// whether the host logs the line. Lines of stdout have level info. Lines of
// stderr have level error, or warn if they contain "warning".
func ConsoleLevel(stream, line string) (slog.Level, string, bool) {
	if strings.HasPrefix(line, toolingPrefix) {
		return 0, "", false
	}

	if rest, ok := strings.CutPrefix(line, systemLogPrefix); ok {
		return slog.LevelDebug, rest, true
	}

	if stream == "stdout" {
		return slog.LevelInfo, line, true
	}

	if strings.Contains(strings.ToLower(line), "warn") {
		return slog.LevelWarn, line, true
	}

	return slog.LevelError, line, true
}

// console passes a line to Options.Console or to the log.
func (h *Host) console(stream, line string) {
	level, text, ok := ConsoleLevel(stream, line)
	if !ok {
		return
	}

	if h.options.Console != nil {
		h.options.Console(stream, level, text)
		return
	}

	h.log.Log(
		context.Background(),
		level,
		"handler output",
		"line",
		text,
		"category",
		"Host.Function.Console",
	)
}

// tail keeps the last three lines.
type tail struct {
	mu    sync.Mutex
	lines []string
}

func (t *tail) add(line string) {
	t.mu.Lock()
	defer t.mu.Unlock()

	t.lines = append(t.lines, line)
	if len(t.lines) > 3 {
		t.lines = t.lines[1:]
	}
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()

	return strings.Join(t.lines, "; ")
}
