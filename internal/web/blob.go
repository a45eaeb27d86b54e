package web

import (
	"bytes"
	"encoding/json"
	"strings"
)

// blob is JSON to show: as it is stored, byte for byte, with line breaks where
// that is readable.
type blob struct {
	Text  string
	Bytes int
	Large bool // too large to show
	Lines int
}

// mostShown is the size above which JSON is not shown.
const mostShown = 16 << 10

func newBlob(raw json.RawMessage) blob {
	b := blob{Text: string(raw), Bytes: len(raw), Large: len(raw) > mostShown}
	if b.Large {
		b.Text = ""
		return b
	}

	var out bytes.Buffer
	if json.Indent(&out, raw, "", "  ") == nil { // numbers stay as they are written
		b.Text = out.String()
	}

	b.Lines = strings.Count(b.Text, "\n") + 1

	return b
}

// raw is JSON with where to get it whole.
type raw struct {
	Blob      blob
	URL, Name string
}

func newRaw(text json.RawMessage, url, name string) raw { return raw{newBlob(text), url, name} }
