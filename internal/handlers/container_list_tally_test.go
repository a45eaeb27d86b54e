package handlers

import (
	"crypto/md5" //nolint:gosec // a content hash of storage, not a protection
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"testing"
	"time"
)

// TestGrouping_DropsRareKeysAndKeepsTotals adds far more keys than a
// grouping keeps, and a few keys that are repeated often.
func TestGrouping_DropsRareKeysAndKeepsTotals(t *testing.T) {
	t.Parallel()

	var g grouping

	const n = 200_000

	var bytes int64

	for i := range n {
		key := fmt.Sprint("rare ", i)
		if i%4 == 0 {
			key = fmt.Sprint("often ", i%40)
		}

		g.add(key, int64(i))
		bytes += int64(i)

		if len(g.groups) > maxGroupKeys {
			t.Fatalf("kept %d keys, above the maximum", len(g.groups))
		}
	}

	out := g.summary(20)

	sum := out.Other
	for _, group := range out.Groups {
		sum.Blobs, sum.Bytes = sum.Blobs+group.Blobs, sum.Bytes+group.Bytes
	}

	if sum.Blobs != n || sum.Bytes != bytes || out.Exact || len(out.Groups) != 20 {
		t.Errorf("%d groups and other sum to %+v, exact %t", len(out.Groups), sum, out.Exact)
	}

	for i, group := range out.Groups[:10] {
		if group.Blobs != n/40 || group.Key[:5] != "often" {
			t.Errorf("group %d is %+v", i, group)
		}
	}

	var few grouping
	few.add("", 1)

	if out := few.summary(5); !out.Exact || len(out.Groups) != 1 || out.Other != (Group{}) {
		t.Errorf("got %+v", out)
	}
}

// TestCopies_EstimatesAboveTheLimit keeps one content in 2^n and expects
// the estimate to be right within a few percent.
func TestCopies_EstimatesAboveTheLimit(t *testing.T) {
	t.Parallel()

	c := copies{max: 2000}

	const contents = 50_000 // every second content twice, every tenth of these four times

	copied, size := 0, int64(0)

	for i := range contents {
		var number [8]byte
		binary.BigEndian.PutUint64(number[:], uint64(i))
		sum := md5.Sum(number[:]) //nolint:gosec // as above

		times := 1
		if i%2 == 0 {
			times = 2
		}

		if i%20 == 0 {
			times = 4
		}

		for range times {
			c.add(Blob{MD5: sum[:], Size: 100})
		}

		copied += times - 1
		size += int64(times-1) * 100

		if len(c.seen) > c.max {
			t.Fatalf("kept %d contents, above the maximum", len(c.seen))
		}
	}

	c.add(Blob{})

	out := c.summary()
	if out.SampledOneIn != 32 || out.WithoutMD5 != 1 || len(out.Groups) != shownCopies ||
		out.Groups[0].Blobs != 4 {
		t.Errorf("got one in %d, %d without, %d groups", out.SampledOneIn, out.WithoutMD5, len(out.Groups))
	}

	for what, pair := range map[string][2]float64{
		"contents": {float64(out.Contents), contents / 2},
		"copies":   {float64(out.Copies), float64(copied)},
		"bytes":    {float64(out.Bytes), float64(size)},
	} {
		if math.Abs(pair[0]/pair[1]-1) > 0.1 {
			t.Errorf("%s: estimated %.0f, want about %.0f", what, pair[0], pair[1])
		}
	}
}

func TestRanking(t *testing.T) {
	t.Parallel()

	r := ranking{before: func(a, b BlobRef) bool { return a.Size > b.Size }}
	for i := range 100 {
		r.add(BlobRef{Name: strconv.Itoa(i), Size: int64(i * 37 % 100 / 2), Modified: time.Unix(0, 0)})
	}

	got := r.summary()
	if len(got) != shownNames {
		t.Fatalf("kept %d blobs", len(got))
	}

	for i, b := range got {
		if b.Size != int64(49-i/2) {
			t.Errorf("position %d: got %+v", i, b)
		}
	}

	if got[0].Name != "27" ||
		got[1].Name != "54" { // 27*37%100 = 99, 54*37%100 = 98: the first of equals keeps its place
		t.Errorf("got %+v", got[:2])
	}
}
