package handlers

import "testing"

func TestExtensionAndFolder(t *testing.T) {
	t.Parallel()

	for name, want := range map[string][2]string{
		"a.TIF":                       {"tif", ""},
		"x/y.z/a.tar.gz":              {"gz", "x/y.z/"},
		"x.y/a":                       {"", "x.y/"},
		".gitignore":                  {"", ""},
		"a/.b.c":                      {"c", "a/"},
		"a.":                          {"", ""},
		"a//b.JSON":                   {"json", "a//"},
		"/a.b":                        {"b", "/"},
		"v1.2 of it":                  {"", ""},
		"a.12345678901234567":         {"", ""},
		"a.1234567890123456":          {"1234567890123456", ""},
		"folder/":                     {"", "folder/"},
		"ä/ö.ü":                       {"", "ä/"},
		"why?.jpg#x=1&y=%2E.part-0_1": {"part-0_1", ""},
	} {
		if got := [2]string{extension(name), folder(name)}; got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

func TestDiffers(t *testing.T) {
	t.Parallel()

	for pair, want := range map[[2]string]bool{
		{"png", "png"}: false, {"png", "jpeg"}: true, {"png", KindUnknown}: true, {"png", KindEmpty}: false,
		{"", "png"}: false, {"weird", "png"}: false, {"txt", "json"}: false, {"json", KindText}: true,
		{"mp3", KindUnknown}: false, {"mp3", "zip"}: true, {"docx", "zip"}: false, {"nc", "hdf5"}: false,
		{"htm", KindText}: false, {"txt", "zip"}: true, {"csv", KindUnknown}: true,
	} {
		if got := differs(pair[0], pair[1], []byte("not JSON")); got != want {
			t.Errorf("%v: got %t, want %t", pair, got, want)
		}
	}
}

// TestDiffers_AcceptsMatchingFiles uses the heads of files whose content
// matches their name.
func TestDiffers_AcceptsMatchingFiles(t *testing.T) {
	t.Parallel()

	for name, head := range soundFiles() {
		if kind := kindOf(head); differs(extension(name), kind, head) {
			t.Errorf("%s: %.30q has kind %s and is reported as a mismatch", name, head, kind)
		}
	}
}

// TestDiffers_ReportsMismatchingFiles uses the heads of files whose content
// does not match their name.
func TestDiffers_ReportsMismatchingFiles(t *testing.T) {
	t.Parallel()

	for name, head := range map[string]string{
		"text.png": "This is not an image", "image.csv": "\x89PNG\r\n\x1a\n\x00", "page.json": "<html></html>",
		"list.json": "[section]\nkey=1\n", "scalar.json": "42 43", "word.json": "hello", "text.wav": "RIFF, WAVE",
		"archive.txt": "PK\x03\x04\x14\x00", "table.parquet": "PAR1,PAR2", "picture.jpg": "GIF89a\x01\x00",
	} {
		if kind := kindOf([]byte(head)); !differs(extension(name), kind, []byte(head)) {
			t.Errorf("%s: %.30q has kind %s and is not reported as a mismatch", name, head, kind)
		}
	}
}
