package handlers

import (
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"maps"
	"slices"
)

// Groups holds counts by key, the largest first.
type Groups struct {
	Groups []Group `json:"groups"`
	Other  Group   `json:"other"` // everything outside the listed groups
	Exact  bool    `json:"exact"` // false if rare keys were dropped; counts are then minimums
}

// Group counts the blobs that have a key in common.
type Group struct {
	Key   string `json:"key,omitzero"` // absent if empty, as for a blob without extension
	Blobs int    `json:"blobs"`
	Bytes int64  `json:"bytes"`
}

// grouping counts by key in bounded memory. The zero value is ready to use.
type grouping struct {
	groups map[string]*Group
	other  Group
	lossy  bool
}

// maxGroupKeys is the number of keys that a grouping remembers before it drops
// the rarer half.
const maxGroupKeys = 8192

func (g *grouping) add(key string, size int64) {
	if g.groups == nil {
		g.groups = map[string]*Group{}
	}

	group := g.groups[key]
	if group == nil {
		if len(g.groups) >= maxGroupKeys {
			g.shrink(maxGroupKeys / 2)
			g.lossy = true
		}

		group = &Group{Key: key}
		g.groups[key] = group
	}

	group.Blobs++
	group.Bytes += size
}

// shrink keeps the most frequent keys and adds the counts of the others to
// other, so that the totals stay exact.
func (g *grouping) shrink(keep int) {
	all := g.sorted()
	for _, group := range all[min(keep, len(all)):] {
		g.other.Blobs += group.Blobs
		g.other.Bytes += group.Bytes
		delete(g.groups, group.Key)
	}
}

func (g *grouping) sorted() []*Group {
	return slices.SortedFunc(maps.Values(g.groups), func(a, b *Group) int {
		return cmp.Or(cmp.Compare(b.Blobs, a.Blobs), cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Key, b.Key))
	})
}

func (g *grouping) summary(limit int) Groups {
	g.shrink(limit)

	out := Groups{Groups: []Group{}, Other: g.other, Exact: !g.lossy}
	for _, group := range g.sorted() {
		out.Groups = append(out.Groups, *group)
	}

	return out
}

// ranking keeps the first shownNames blobs of an order. Of equal blobs, it
// keeps those that were added first.
type ranking struct {
	before func(a, b BlobRef) bool
	list   []BlobRef
}

func (r *ranking) add(b BlobRef) {
	if len(r.list) == shownNames && !r.before(b, r.list[shownNames-1]) {
		return
	}

	at := len(r.list)
	for at > 0 && r.before(b, r.list[at-1]) {
		at--
	}

	r.list = slices.Insert(r.list, at, b)
	r.list = r.list[:min(len(r.list), shownNames)]
}

func (r *ranking) summary() []BlobRef { return append([]BlobRef{}, r.list...) }

// Duplicates describes contents that more than one blob has, by their MD5. With
// up to 131,072 different contents, all numbers are exact. With more, copies
// keeps a sample chosen by the MD5, so that every content has the same chance.
// SampledOneIn then gives the size of the sample, and Contents, Copies and
// Bytes are estimates scaled up from it.
type Duplicates struct {
	Contents     int              `json:"contents"` // contents of more than one blob
	Copies       int              `json:"copies"`   // redundant blobs
	Bytes        int64            `json:"bytes"`    // bytes of the redundant blobs
	Groups       []DuplicateGroup `json:"groups"`   // the groups with the most redundant bytes
	WithoutMD5   int              `json:"without_md5"`
	SampledOneIn int              `json:"sampled_one_in"` // 1 if all contents are counted
}

// DuplicateGroup is one content with some of the blobs that have it.
type DuplicateGroup struct {
	MD5   string   `json:"md5"` // base64, as storage reports it
	Size  int64    `json:"size"`
	Blobs int      `json:"blobs"`
	Names []string `json:"names"`
}

// maxContents limits the different contents that are remembered. Each needs
// about 50 bytes.
const maxContents = 1 << 17

type digest [16]byte

// copies counts blobs by content in bounded memory.
type copies struct {
	max int
	// level is the number of leading bits of a digest that must be 0 for the
	// content to be counted.
	level   int
	seen    map[digest]content
	without int
}

type content struct {
	blobs int
	size  int64
}

func (c *copies) add(b Blob) {
	if len(b.MD5) != len(digest{}) {
		c.without++
		return
	}

	key := digest(b.MD5)
	if !c.drawn(key) {
		return
	}

	if c.seen == nil {
		c.seen = map[digest]content{}
	}

	was := c.seen[key]

	c.seen[key] = content{blobs: was.blobs + 1, size: b.Size}
	for len(c.seen) > c.max {
		c.level++
		maps.DeleteFunc(c.seen, func(key digest, _ content) bool { return !c.drawn(key) })
	}
}

func (c *copies) drawn(key digest) bool { return binary.BigEndian.Uint64(key[:])>>(64-c.level) == 0 }

func (c *copies) summary() Duplicates {
	out := Duplicates{WithoutMD5: c.without, SampledOneIn: 1 << c.level, Groups: []DuplicateGroup{}}
	for key, v := range c.seen {
		if v.blobs < 2 {
			continue
		}

		out.Contents += out.SampledOneIn
		out.Copies += out.SampledOneIn * (v.blobs - 1)
		out.Bytes += int64(out.SampledOneIn) * int64(v.blobs-1) * v.size
		out.Groups = append(out.Groups, DuplicateGroup{
			MD5: base64.StdEncoding.EncodeToString(key[:]), Size: v.size, Blobs: v.blobs, Names: []string{},
		})
	}

	slices.SortFunc(out.Groups, func(a, b DuplicateGroup) int {
		return cmp.Or(
			cmp.Compare(int64(b.Blobs-1)*b.Size, int64(a.Blobs-1)*a.Size),
			cmp.Compare(b.Blobs, a.Blobs),
			cmp.Compare(a.MD5, b.MD5),
		)
	})
	out.Groups = slices.Clone(out.Groups[:min(len(out.Groups), shownCopies)])

	return out
}
