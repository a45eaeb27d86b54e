package blobsample

import (
	"fmt"
	"iter"
	"strings"
)

// Item is a blob to write.
type Item struct {
	Name        string
	ContentType string
	Content     []byte

	folder, extension, kind string
	copyOf                  int // index of the item with the same content, or -1
	lies                    bool
}

// kind is the first bytes of files with an extension.
type kind struct {
	name, extension, contentType, head string
}

var kinds = []kind{
	{"png", "png", "image/png", "\x89PNG\r\n\x1a\n"},
	{"jpeg", "jpg", "image/jpeg", "\xff\xd8\xff\xe0\x00\x10JFIF\x00"},
	{"gif", "gif", "image/gif", "GIF89a\x01\x00\x01\x00"},
	{"pdf", "pdf", "application/pdf", "%PDF-1.7\n"},
	{"zip", "zip", "application/zip", "PK\x03\x04\x14\x00"},
	{"gzip", "gz", "application/gzip", "\x1f\x8b\x08"},
	{"json", "json", "application/json", `{"id":`},
	{"text", "csv", "text/csv", "id,name\n"},
}

// folders have names that a shell, a URL, a template or a path could
// misinterpret.
var folders = []string{
	"images/2026/01/",
	"with spaces/and more/",
	"Ünïcödé/日本語/😀/",
	"per%cent/%41%2F/",
	"hash#tag/?query=1&b=2/",
	"double//slash///",
	"quo'te\"s+plus;semi/",
	"",
}

// maxName is the maximum length of a name in characters.
const maxName = 1024

// Intervals of special items.
const (
	everyLie  = 97
	everyCopy = 25
	everyLong = 500
)

// Items returns the first n blobs of the sample in a fixed order.
func Items(n int) iter.Seq[Item] {
	return func(yield func(Item) bool) {
		for i := range n {
			if !yield(item(i)) {
				return
			}
		}
	}
}

func item(i int) Item {
	k := kinds[i%len(kinds)]
	it := Item{
		ContentType: k.contentType,
		folder:      folders[i/len(kinds)%len(folders)],
		extension:   k.extension,
		kind:        k.name,
		copyOf:      -1,
	}

	base := fmt.Sprintf("%05d", i)
	if i%everyLong == everyLong-1 {
		fill := maxName - len([]rune(it.folder)) - len(base) - 1 - len(it.extension)
		base += strings.Repeat("ö", fill)
	}

	it.Name = it.folder + base + "." + it.extension

	it.Content = content(i)
	if i%everyCopy == everyCopy-1 && (i-len(kinds))%everyLie != everyLie-1 {
		it.copyOf = i - len(kinds) // an item of the same kind
		it.Content = content(it.copyOf)
	}

	if i%everyLie == everyLie-1 {
		other := kinds[(i+1)%len(kinds)]
		it.kind, it.lies, it.copyOf = other.name, true, -1
		it.Content = content(i + 1<<20 + 1) // of that kind, and different from all other items
	}

	return it
}

// content returns content of the kind of a number. It is different for each
// number.
func content(i int) []byte {
	k := kinds[i%len(kinds)]

	text := fmt.Sprintf("%s%d", k.head, i)
	if k.name == "json" {
		text += "}"
	}

	size := 64 + i*37%4000

	return []byte(text + strings.Repeat("\n", max(0, size-len(text))))
}
