package repo

import (
	"testing"

	"coremachine/internal/state"
)

// TestJobCacheIsBoundedByJobsAndBytes fills the cache with small jobs, then with
// large ones. A job that was read last is always found.
func TestJobCacheIsBoundedByJobsAndBytes(t *testing.T) {
	t.Parallel()

	const jobs = 10

	id := func(i int) (id state.JobID) {
		id[0] = byte(i)
		return id
	}

	for _, size := range []int{1, cacheBytes/3 + 1} {
		c := newJobCache(jobs)

		for i := range 5 * jobs {
			c.put(id(i), cachedJob{jobType: "a", params: make([]byte, size)})

			if got, ok := c.get(id(i)); !ok || len(got.params) != size {
				t.Fatalf("job %d of %d bytes was not found right after it was added", i, size)
			}

			held, bytes := len(c.now)+len(c.past), c.bytes
			if held > 2*jobs || bytes > cacheBytes {
				t.Fatalf("the cache holds %d jobs and %d bytes, want at most %d and %d", held, bytes, 2*jobs,
					cacheBytes)
			}
		}

		if _, ok := c.get(id(0)); ok {
			t.Errorf("the first job of %d bytes was still found after %d others", size, 5*jobs-1)
		}
	}
}
