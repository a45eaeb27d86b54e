package handlers

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// anyText lists the kinds that a text file may appear to be.
var anyText = []string{KindText, "json", "xml", "html"}

// promised maps an extension to the kinds that it stands for. A file with an
// extension that is not listed may be of any kind.
var promised = map[string][]string{
	"png":  {"png"},
	"jpg":  {"jpeg"},
	"jpeg": {"jpeg"},
	"gif":  {"gif"},
	"webp": {"webp"},
	"bmp":  {"bmp"},
	"tif":  {"tiff"},
	"tiff": {"tiff"},
	"pdf":  {"pdf"},
	"zip": {
		"zip",
	},
	"jar":  {"zip"},
	"docx": {"zip"},
	"xlsx": {"zip"},
	"pptx": {"zip"},
	"kmz":  {"zip"},
	"npz":  {"zip"},
	"gz": {
		"gzip",
	},
	"tgz":     {"gzip"},
	"bz2":     {"bzip2"},
	"xz":      {"xz"},
	"zst":     {"zstd"},
	"7z":      {"7z"},
	"tar":     {"tar"},
	"parquet": {"parquet"},
	"avro":    {"avro"},
	"orc":     {"orc"},
	"sqlite":  {"sqlite"},
	"gpkg":    {"sqlite"},
	"h5":      {"hdf5"},
	"hdf5":    {"hdf5"},
	"nc":      {"netcdf", "hdf5"},
	"mp4": {
		"mp4",
	},
	"mov":     {"mp4"},
	"mp3":     {"mp3"},
	"ogg":     {"ogg"},
	"flac":    {"flac"},
	"wav":     {"wav"},
	"avi":     {"avi"},
	"exe":     {"exe"},
	"dll":     {"exe"},
	"so":      {"elf"},
	"json":    {"json"},
	"geojson": {"json"},
	"ndjson":  {"json"},
	"xml":     {"xml"},
	"kml":     {"xml"},
	"svg":     {"xml"},
	"html":    anyText,
	"htm":     anyText, // a fragment needs no tag
	"txt":     anyText,
	"csv":     anyText,
	"tsv":     anyText,
	"md":      anyText,
	"log":     anyText,
	"yaml":    anyText,
	"yml":     anyText,
}

// differs reports whether a file is of another kind than its extension
// promises. An empty file never differs. Neither does an MP3 or an old movie
// format, which can lack a signature, nor a JSON file that is one scalar.
func differs(ext, kind string, head []byte) bool {
	kinds, known := promised[ext]
	if !known || kind == KindEmpty || slices.Contains(kinds, kind) {
		return false
	}

	switch {
	case kind == KindUnknown:
		return ext != "mp3" && ext != "mov"
	case kind == KindText && slices.Contains(kinds, "json"):
		return !isJSONScalar(head)
	}

	return true
}

// isJSONScalar reports whether a text is one string, number, true, false or
// null. A string that is longer than the head counts as a scalar.
func isJSONScalar(head []byte) bool {
	text, ok := decodeText(head)
	if !ok {
		return false
	}

	text = bytes.TrimSpace(text)
	if len(head) == headBytes && bytes.HasPrefix(text, []byte(`"`)) {
		return true
	}

	return json.Valid(text)
}

// longestExtension is the maximum length of an extension in bytes.
const longestExtension = 16

// extension returns the part of a blob's name after the last dot, in lower
// case. If that part is longer than longestExtension, or has characters other
// than letters and digits, extension returns "".
func extension(name string) string {
	base := name[strings.LastIndexByte(name, '/')+1:]

	dot := strings.LastIndexByte(base, '.')
	if dot <= 0 || len(base)-dot-1 > longestExtension {
		return ""
	}

	ext := strings.ToLower(base[dot+1:])
	for _, c := range []byte(ext) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' && c != '-' {
			return ""
		}
	}

	return ext
}

// folder returns a blob's name up to and including its last slash, or "" if it
// has none.
func folder(name string) string { return name[:strings.LastIndexByte(name, '/')+1] }
