package web

import (
	"bytes"
	"encoding/json"
	"strings"
)

// blob is JSON to show: byte for byte as stored, or with line breaks if that is
// easier to read.
type blob struct {
	Text  string
	Bytes int
	Large bool // too large to show
	Lines int
}

// maxShown is the size in bytes above which JSON is not shown.
const maxShown = 16 << 10

func newBlob(raw json.RawMessage) blob {
	b := blob{Text: string(raw), Bytes: len(raw), Large: len(raw) > maxShown}
	if b.Large {
		b.Text = ""
		return b
	}

	var out bytes.Buffer
	if json.Indent(&out, raw, "", "  ") == nil { // keeps numbers in their original notation
		b.Text = out.String()
	}

	b.Lines = strings.Count(b.Text, "\n") + 1

	return b
}

// raw is JSON with the URL of the complete document.
type raw struct {
	Blob      blob
	URL, Name string
}

func newRaw(text json.RawMessage, url, name string) raw { return raw{newBlob(text), url, name} }
