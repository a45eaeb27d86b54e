package handlers

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/gabriel-vasile/mimetype"
)

// headBytes is the number of bytes of a blob that are read to find its kind.
// The library reads as many. A shorter head is the whole blob.
const headBytes = 3072

// Kinds of files without a signature.
const (
	KindEmpty   = "empty"
	KindText    = "text"
	KindUnknown = "unknown"
)

// kindNames maps the library's media types to the names that a result shows. A
// type that is not listed here counts as its nearest listed parent, or as
// unknown, because some of the library's signatures are only two bytes long.
var kindNames = map[string]string{
	"image/png":                      "png",
	"image/jpeg":                     "jpeg",
	"image/gif":                      "gif",
	"image/webp":                     "webp",
	"image/bmp":                      "bmp",
	"image/tiff":                     "tiff",
	"application/pdf":                "pdf",
	"application/zip":                "zip",
	"application/gzip":               "gzip",
	"application/x-bzip2":            "bzip2",
	"application/x-xz":               "xz",
	"application/zstd":               "zstd",
	"application/x-7z-compressed":    "7z",
	"application/x-tar":              "tar",
	"application/vnd.apache.parquet": "parquet",
	"application/vnd.sqlite3":        "sqlite",
	"video/mp4":                      "mp4",
	"video/quicktime":                "mp4",
	"video/x-msvideo":                "avi",
	"audio/mpeg":                     "mp3",
	"application/ogg":                "ogg",
	"audio/flac":                     "flac",
	"audio/wav":                      "wav",
	"application/x-elf":              "elf",
	"application/vnd.microsoft.portable-executable": "exe",
}

// signature is a byte sequence at the start of all files of a kind.
type signature struct {
	kind, text string
}

// moreSignatures are the signatures that the library does not have.
var moreSignatures = []signature{
	{"tiff", "II+\x00"}, // BigTIFF
	{"tiff", "MM\x00+"},
	{"zip", "PK00PK\x03\x04"}, // first part of a split archive
	{"avro", "Obj\x01"},
	{"orc", "ORC"},
	{"hdf5", "\x89HDF\r\n\x1a\n"},
	{"netcdf", "CDF\x01"},
	{"netcdf", "CDF\x02"},
	{"netcdf", "CDF\x05"},
}

// kindOf returns the kind of a file from its first headBytes bytes.
func kindOf(head []byte) string {
	if len(head) == 0 {
		return KindEmpty
	}

	if text, ok := decodeText(head); ok {
		return textKind(text, len(head) == headBytes)
	}

	for _, s := range moreSignatures {
		if bytes.HasPrefix(head, []byte(s.text)) {
			return s.kind
		}
	}

	kind := detect(head)
	if !hasBinaryByte(head) && !isSignatureBinary(kind) {
		return KindText // an 8-bit or multi-byte encoding
	}

	return kind
}

// detect returns the nearest known parent of the kind that the library finds.
func detect(head []byte) string {
	for m := mimetype.Detect(head); m != nil; m = m.Parent() {
		media, _, _ := strings.Cut(m.String(), ";")
		if kind, known := kindNames[media]; known {
			return kind
		}
	}

	return KindUnknown
}

// textKind distinguishes the kinds of readable text. A signature of printable
// characters proves nothing here, because a list of stations can begin with
// "PAR1". Only the start of a PDF file is unlikely enough to be a coincidence.
func textKind(text []byte, cut bool) string {
	if bytes.HasPrefix(text, []byte("%PDF-")) {
		return "pdf"
	}

	trimmed := bytes.ToLower(bytes.TrimSpace(text))
	if bytes.HasPrefix(trimmed, []byte("<!doctype html")) || bytes.HasPrefix(trimmed, []byte("<html")) {
		return "html"
	}

	if bytes.HasPrefix(trimmed, []byte("<")) {
		return "xml"
	}

	if isJSON(bytes.TrimSpace(text), cut) {
		return "json"
	}

	return KindText
}

// isJSON reports whether a text is one or more JSON objects or arrays, or, if
// it was cut off, begins like one.
func isJSON(text []byte, cut bool) bool {
	if !bytes.HasPrefix(text, []byte("{")) && !bytes.HasPrefix(text, []byte("[")) {
		return false
	}

	for tokens := json.NewDecoder(bytes.NewReader(text)); ; {
		_, err := tokens.Token()
		switch {
		case errors.Is(err, io.EOF):
			return true
		case errors.Is(err, io.ErrUnexpectedEOF):
			return cut
		case err != nil:
			return false
		}
	}
}

// isSignatureBinary reports whether the signature of a kind contains bytes that
// are not ASCII. Such a signature proves the kind even in a file without binary
// bytes.
func isSignatureBinary(kind string) bool { return kind == "jpeg" || kind == "zstd" }

// shortestUnmarked is the minimum length in bytes at which UTF-16 without a
// byte order mark can be distinguished from binary data.
const shortestUnmarked = 8

var utf8Mark = []byte("\xef\xbb\xbf")

// decodeText returns a text in UTF-8 without its byte order mark. It reads
// UTF-8, UTF-16 with a byte order mark, and UTF-16 of mostly ASCII characters
// without one. The last character may be incomplete.
func decodeText(head []byte) (text []byte, ok bool) {
	if text := bytes.TrimPrefix(head, utf8Mark); isReadable(text) {
		return text, true
	}

	big := bytes.HasPrefix(head, []byte("\xfe\xff"))
	if big || bytes.HasPrefix(head, []byte("\xff\xfe")) {
		text := decodeUTF16(head[2:], big)
		return text, isReadable(text)
	}

	if len(head) < shortestUnmarked {
		return nil, false
	}

	for _, big := range []bool{false, true} {
		text := decodeUTF16(head, big)
		if isReadable(text) && isMostlyASCII(text) {
			return text, true
		}
	}

	return nil, false
}

// decodeUTF16 returns b in UTF-8, without a surrogate that the end cuts in
// half.
func decodeUTF16(b []byte, big bool) []byte {
	units := make([]uint16, len(b)/2)
	for i := range units {
		first, second := uint16(b[2*i]), uint16(b[2*i+1])
		if big {
			first, second = second, first
		}

		units[i] = second<<8 | first
	}

	if n := len(units); n > 0 && units[n-1]&0xfc00 == 0xd800 {
		units = units[:n-1]
	}

	return []byte(string(utf16.Decode(units)))
}

func isMostlyASCII(text []byte) bool {
	ascii := 0

	for _, b := range text {
		if b < utf8.RuneSelf {
			ascii++
		}
	}

	return len(text) > 0 && ascii > len(text)/2
}

// isReadable reports whether b is UTF-8 without control characters. The last
// character may be incomplete.
func isReadable(b []byte) bool {
	if hasBinaryByte(b) {
		return false
	}

	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n == 1 {
			return !utf8.FullRune(b)
		}

		b = b[n:]
	}

	return true
}

// hasBinaryByte reports whether b has a byte that does not occur in text: see
// "binary data byte" in the WHATWG standard on MIME sniffing.
func hasBinaryByte(b []byte) bool {
	const escape = 0x1b // starts a change of the character set in ISO 2022

	return bytes.ContainsFunc(b, func(r rune) bool {
		return r < ' ' && !strings.ContainsRune("\t\n\r\f", r) && r != escape
	})
}
