package coremachine

import (
	"bytes"
	"context"
	"log/slog"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json"

	"coremachine/internal/state"
	"coremachine/internal/telemetry/keys"
)

// KeepLogs says which log lines of handlers the engine stores.
type KeepLogs int

// Values of KeepLogs.
const (
	// KeepFailed keeps the lines of attempts that did not succeed. It keeps those
	// of all attempts of a job whose definition asks for it.
	KeepFailed KeepLogs = iota
	KeepAll             // the lines of all attempts
	KeepNone            // no lines
)

// taskLog collects the lines that the handler of one attempt logs, up to
// state.MaxTaskLog bytes. When more follow, it drops the oldest lines, because
// the last ones explain a failure best. After take it collects nothing, so that
// an abandoned handler cannot make it grow. Without a line it costs two
// allocations for each attempt: itself and its logger.
type taskLog struct {
	mu      sync.Mutex
	lines   [][]byte // each the JSON of a state.LogLine
	bytes   int      // of the JSON array
	dropped int
	over    bool

	attrs taskAttrs
	root  taskLogHandler
}

// newTaskLog returns nil if no lines are kept.
func (b *bundle) newTaskLog() *taskLog {
	if b.m.cfg.KeepLogs == KeepNone {
		return nil
	}

	return &taskLog{}
}

// keepsLogs reports whether the lines of attempts that succeed are kept.
func (b *bundle) keepsLogs() bool {
	return b.m.cfg.KeepLogs == KeepAll || b.decl.job.KeepsLogs()
}

// logger returns the logger of an attempt's handler.
func (b *bundle) logger(index int, log *taskLog) *slog.Logger {
	attrs := taskAttrs{inner: b.log.Handler(), index: index, attempt: b.h.Attempt}
	if log == nil {
		return slog.New(&attrs)
	}

	log.attrs = attrs

	return slog.New(log.handler(&log.attrs))
}

// taskAttrs is a slog.Handler that adds the index and the attempt of a task.
// Most handlers log nothing, so it adds them when there is a record.
type taskAttrs struct {
	inner          slog.Handler
	index, attempt int
}

func (h *taskAttrs) handler() slog.Handler {
	return h.inner.WithAttrs([]slog.Attr{slog.Int(keys.Index, h.index), slog.Int(keys.Attempt, h.attempt)})
}

// Enabled implements slog.Handler.
func (h *taskAttrs) Enabled(ctx context.Context, level slog.Level) bool {
	return h.inner.Enabled(ctx, level)
}

// Handle implements slog.Handler.
func (h *taskAttrs) Handle(ctx context.Context, r slog.Record) error {
	return h.handler().Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h *taskAttrs) WithAttrs(attrs []slog.Attr) slog.Handler { return h.handler().WithAttrs(attrs) }

// WithGroup implements slog.Handler.
func (h *taskAttrs) WithGroup(name string) slog.Handler { return h.handler().WithGroup(name) }

// handler returns a slog.Handler that passes records to inner and collects
// them. It collects records of the level info and above, also if inner does not
// want them.
func (l *taskLog) handler(inner slog.Handler) slog.Handler {
	l.root = taskLogHandler{inner: inner, log: l}

	return &l.root
}

// add collects a line.
func (l *taskLog) add(line state.LogLine) {
	encoded, err := json.Marshal(line)
	if err != nil { // the year of a record can be out of range
		return
	}

	l.mu.Lock()
	defer l.mu.Unlock()

	if l.over {
		return
	}

	const brackets = len("[]")

	l.lines, l.bytes = append(l.lines, encoded), l.bytes+len(encoded)+len(",")
	for l.bytes+brackets > state.MaxTaskLog {
		l.bytes -= len(l.lines[0]) + len(",")
		l.lines[0] = nil
		l.lines = l.lines[1:]
		l.dropped++
	}
}

// take ends the collection. If keep is true, it returns the lines for the row of
// the attempt, or nil if there are none.
func (l *taskLog) take(incarnation int64, keep bool) *state.TaskLog {
	if l == nil {
		return nil
	}

	l.mu.Lock()
	defer l.mu.Unlock()

	lines := l.lines
	l.over, l.lines = true, nil

	if !keep || len(lines) == 0 {
		return nil
	}

	var b bytes.Buffer

	b.Grow(l.bytes + 1)
	b.WriteByte('[')
	b.Write(bytes.Join(lines, []byte{','}))
	b.WriteByte(']')

	return &state.TaskLog{Incarnation: incarnation, Dropped: l.dropped, Lines: b.Bytes()}
}

// taskLogHandler is a slog.Handler of one attempt.
type taskLogHandler struct {
	inner  slog.Handler
	log    *taskLog
	prefix string // names of the open groups, each with a dot
	fixed  []byte // text of the attributes that were given to the logger
}

// Enabled implements slog.Handler.
func (h *taskLogHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelInfo || h.inner.Enabled(ctx, level)
}

// Handle implements slog.Handler.
func (h *taskLogHandler) Handle(ctx context.Context, r slog.Record) error {
	var err error
	if h.inner.Enabled(ctx, r.Level) {
		err = h.inner.Handle(ctx, r)
	}

	text := append([]byte(cut(r.Message)), h.fixed...)

	r.Attrs(func(a slog.Attr) bool {
		text = appendAttr(text, h.prefix, a)
		return len(text) < textMost
	})

	at := r.Time
	if at.IsZero() {
		at = time.Now()
	}

	h.log.add(state.LogLine{At: at.UTC(), Level: r.Level.String(), Text: state.LogText(string(text))})

	return err
}

// WithAttrs implements slog.Handler.
func (h *taskLogHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	with := *h
	with.inner, with.fixed = h.inner.WithAttrs(attrs), bytes.Clone(h.fixed)

	for _, a := range attrs {
		with.fixed = appendAttr(with.fixed, h.prefix, a)
	}

	return &with
}

// WithGroup implements slog.Handler.
func (h *taskLogHandler) WithGroup(name string) slog.Handler {
	with := *h
	with.inner, with.prefix = h.inner.WithGroup(name), cut(h.prefix+name+".")

	return &with
}

// textMost is the size from which no more is appended to the text of a line.
// LogText cuts what is above the limit.
const textMost = 2 * state.MaxLogText

func cut(text string) string { return text[:min(len(text), textMost)] }

// appendAttr appends an attribute to the text of a line, as key=value. A value
// with spaces or quotes is quoted.
func appendAttr(text []byte, prefix string, a slog.Attr) []byte {
	value := a.Value.Resolve()
	if len(text) >= textMost || a.Equal(slog.Attr{}) {
		return text
	}

	if value.Kind() == slog.KindGroup {
		if a.Key != "" {
			prefix = cut(prefix + a.Key + ".")
		}

		for _, one := range value.Group() {
			text = appendAttr(text, prefix, one)
		}

		return text
	}

	text = append(text, ' ')
	text = append(text, cut(prefix)...)
	text = append(text, cut(a.Key)...)
	text = append(text, '=')

	return appendValue(text, cut(value.String()))
}

func appendValue(text []byte, value string) []byte {
	plain := value != ""

	for i := 0; plain && i < len(value); i++ {
		c := value[i]
		plain = c > ' ' && c != '"' && c != '=' && c != 0x7f || c >= utf8.RuneSelf
	}

	if plain {
		return append(text, value...)
	}

	text = append(text, '"')

	for i := range len(value) {
		if value[i] == '"' || value[i] == '\\' {
			text = append(text, '\\')
		}

		text = append(text, value[i])
	}

	return append(text, '"')
}
