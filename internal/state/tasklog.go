package state

import "time"

// Bounds of the log lines of handlers that are kept.
const (
	// MaxTaskLog is the maximum size of the lines of one task, in bytes of JSON.
	// The lines of earlier attempts make room for those of later ones.
	MaxTaskLog = 64 << 10
	// MaxLogText is the maximum size of the text of one line, in bytes. The rest
	// is cut.
	MaxLogText = 4096
	// TaskLogAge is how long lines are kept.
	TaskLogAge = 24 * time.Hour
)

// LogLine is one line that a handler logged. Level and Text are safe to show:
// valid UTF-8 with visible control characters.
type LogLine struct {
	At    time.Time `json:"at"`
	Level string    `json:"level"`
	Text  string    `json:"text"` // the message, and key=value for each attribute
}

// TaskLog holds the lines of one attempt that are to be stored.
type TaskLog struct {
	Incarnation int64  // of the job row
	Dropped     int    // earlier lines that were not kept
	Lines       []byte // JSON array of LogLine, at most MaxTaskLog bytes
}

// LogText returns the text of a line: visible, and at most MaxLogText bytes.
func LogText(text string) string {
	if len(text) > 2*MaxLogText { // an escape is longer than its character: less to do below
		text = text[:2*MaxLogText]
	}

	return clean(VisibleText(text), MaxLogText)
}
