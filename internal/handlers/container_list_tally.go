package handlers

import (
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"maps"
	"slices"
)

// Groups are counts by a key, the largest first.
type Groups struct {
	Groups []Group `json:"groups"`
	Other  Group   `json:"other"` // all that is in no group told, under no key: groups and other make up the whole
	Exact  bool    `json:"exact"` // false: there were so many keys that rare ones were given up on the way; what is told of a key is then its least
}

// Group is the blobs that have a key in common.
type Group struct {
	Key   string `json:"key,omitzero"` // absent: "", as in no extension
	Blobs int    `json:"blobs"`
	Bytes int64  `json:"bytes"`
}

// grouping counts by key in bounded memory. The zero value is ready.
type grouping struct {
	groups map[string]*Group
	other  Group
	lossy  bool
}

// mostKeys is how many keys a grouping remembers before it gives up the rarer
// half.
const mostKeys = 8192

func (g *grouping) add(key string, size int64) {
	if g.groups == nil {
		g.groups = map[string]*Group{}
	}

	group := g.groups[key]
	if group == nil {
		if len(g.groups) >= mostKeys {
			g.giveUp(mostKeys / 2)
			g.lossy = true
		}

		group = &Group{Key: key}
		g.groups[key] = group
	}

	group.Blobs++
	group.Bytes += size
}

// giveUp keeps the most frequent keys; the rest goes into other, so that
// nothing is lost of the whole.
func (g *grouping) giveUp(keep int) {
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

func (g *grouping) tell(most int) Groups {
	g.giveUp(most)

	out := Groups{Groups: []Group{}, Other: g.other, Exact: !g.lossy}
	for _, group := range g.sorted() {
		out.Groups = append(out.Groups, *group)
	}

	return out
}

// ranking keeps the first tellNames blobs of an order; of equal ones those that
// came first.
type ranking struct {
	before func(a, b BlobRef) bool
	list   []BlobRef
}

func (r *ranking) add(b BlobRef) {
	if len(r.list) == tellNames && !r.before(b, r.list[tellNames-1]) {
		return
	}

	at := len(r.list)
	for at > 0 && r.before(b, r.list[at-1]) {
		at--
	}

	r.list = slices.Insert(r.list, at, b)
	r.list = r.list[:min(len(r.list), tellNames)]
}

func (r *ranking) tell() []BlobRef { return append([]BlobRef{}, r.list...) }

// Duplicates are contents that more than one blob has, by their MD5. Up to
// 131,072 different contents all is exact. Of more, a sample is kept that their
// MD5 draws, so that every content has the same chance: SampledOneIn says how
// small it is, and Contents, Copies and Bytes are then estimates, the sample's
// multiplied by it.
type Duplicates struct {
	Contents     int              `json:"contents"` // that more than one blob has
	Copies       int              `json:"copies"`   // blobs that could go
	Bytes        int64            `json:"bytes"`    // that those take
	Groups       []DuplicateGroup `json:"groups"`   // those that waste most
	WithoutMD5   int              `json:"without_md5"`
	SampledOneIn int              `json:"sampled_one_in"` // 1: all
}

// DuplicateGroup is one content with some of the blobs that have it.
type DuplicateGroup struct {
	MD5   string   `json:"md5"` // base64, as storage tells it
	Size  int64    `json:"size"`
	Blobs int      `json:"blobs"`
	Names []string `json:"names"`
}

// mostCopies bounds the different contents that are remembered, at about 50
// bytes each.
const mostCopies = 1 << 17

type digest [16]byte

// copies counts blobs by content in bounded memory.
type copies struct {
	most    int
	level   int // of a digest's first bits so many must be 0 for it to be counted
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
	for len(c.seen) > c.most {
		c.level++
		maps.DeleteFunc(c.seen, func(key digest, _ content) bool { return !c.drawn(key) })
	}
}

func (c *copies) drawn(key digest) bool { return binary.BigEndian.Uint64(key[:])>>(64-c.level) == 0 }

func (c *copies) tell() Duplicates {
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
	out.Groups = slices.Clone(out.Groups[:min(len(out.Groups), tellCopies)])

	return out
}
