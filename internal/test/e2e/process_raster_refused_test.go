package e2e_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"coremachine/internal/handlers"
	"coremachine/internal/jobs"
	"coremachine/internal/state"
	"coremachine/internal/test/blobfake"
	"coremachine/internal/test/enginetest"
)

func TestProcessRasterRefusesWithCodes(t *testing.T) {
	t.Parallel()

	for name, c := range map[string]struct {
		prepare func(*testing.T, *blobfake.Account)
		says    string
	}{
		"another TIFF": {func(t *testing.T, blobs *blobfake.Account) {
			t.Helper()
			rewrite(t, blobs, []byte("\x89PNG and more than enough bytes for a header"))
		}, "not_tiff: "},
		"output exists": {func(t *testing.T, blobs *blobfake.Account) {
			t.Helper()

			if _, err := blobs.Put(t.Context(), "cogs", "cog.tif", nil, handlers.WriteOptions{}); err != nil {
				t.Fatal(err)
			}
		}, "output_exists: Output 'cogs/cog.tif' exists; set overwrite=true"},
		"archived in the meantime": {func(_ *testing.T, blobs *blobfake.Account) {
			var once sync.Once

			blobs.Before = func(_ context.Context, r blobfake.Request) error {
				if r.Op == blobfake.Read {
					once.Do(func() { blobs.Archive("imagery", "hills.tif") })
				}

				return nil
			}
		}, "source_archived: Blob 'imagery/hills.tif' is in the Archive tier"},
		"no permission to write": {func(_ *testing.T, blobs *blobfake.Account) {
			blobs.Before = func(_ context.Context, r blobfake.Request) error {
				if r.Op == blobfake.Put {
					return handlers.ErrStorageRejected
				}

				return nil
			}
		}, "storage_forbidden: Storage rejects the request; the identity of the app needs the role " +
			"Storage Blob Data Contributor"},
		"changed in the meantime": {func(t *testing.T, blobs *blobfake.Account) {
			t.Helper()

			data, err := rasterSource()
			if err != nil {
				t.Fatal(err)
			}

			var reads atomic.Int64

			blobs.Before = func(ctx context.Context, r blobfake.Request) error {
				if r.Op != blobfake.Read || r.Container != "imagery" || reads.Add(1) != 12 {
					return nil
				}

				// A read of any version would notice nothing.
				_, err := blobs.Put(ctx, "imagery", "hills.tif", data, handlers.WriteOptions{})

				return err
			}
		}, "source_changed: Blob 'imagery/hills.tif' changed while the job ran"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			blobs := rasterAccount(t)
			engine := rasterEngine(t, blobs, 1)
			c.prepare(t, blobs)

			job := engine.Run("process_raster", rasterParams(1, "")).MustBe(t, state.JobFailed)
			if got := failureOf(t, engine, job); !strings.HasPrefix(got, c.says) {
				t.Errorf("got %q, want %q", got, c.says)
			}

			if name != "output exists" {
				mustBeEmpty(t, blobs)
			}
		})
	}
}

// failureOf returns the error of the first task of a job that failed.
func failureOf(t *testing.T, engine *enginetest.Engine, job enginetest.Job) (text string) {
	t.Helper()

	err := engine.Pool().QueryRow(t.Context(),
		`select error::json ->> 'message' from tasks where job_id = $1 and status = 'failed'
		order by stage, index limit 1`, job.ID[:],
	).Scan(&text)
	if err != nil {
		t.Fatal(err)
	}

	return text
}

// rewrite stores the source of rasterParams.
func rewrite(t *testing.T, blobs handlers.Blobs, source []byte) {
	t.Helper()

	if _, err := blobs.Put(t.Context(), "imagery", "hills.tif", source, handlers.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
}

// TestDamagedOutputIsDeleted damages all staged blocks before the commit.
func TestDamagedOutputIsDeleted(t *testing.T) {
	t.Parallel()

	blobs := rasterAccount(t)

	var once sync.Once

	blobs.Before = func(ctx context.Context, r blobfake.Request) (err error) {
		if r.Op != blobfake.Commit {
			return nil
		}

		once.Do(func() {
			var list handlers.BlockList

			list, err = blobs.Blocks(ctx, "cogs", "cog.tif")
			for _, b := range list.Uncommitted {
				if !strings.Contains(b.ID, "-L99-") && err == nil {
					err = blobs.Stage(ctx, "cogs", "cog.tif", b.ID, make([]byte, b.Size))
				}
			}
		})

		return err
	}

	engine := rasterEngine(t, blobs, 1)
	job := engine.Run("process_raster", rasterParams(1, "")).MustBe(t, state.JobFailed)

	const says = "invalid_cog: The output is not valid and was deleted"
	if got := failureOf(t, engine, job); !strings.HasPrefix(got, says) {
		t.Errorf("got %q", got)
	}

	mustBeEmpty(t, blobs)
}

func TestCancelledRasterLeavesNothing(t *testing.T) {
	t.Parallel()

	blobs := rasterAccount(t)

	cancelAt(t, blobs, rasterParams(1, ""), func(r blobfake.Request) bool {
		return r.Op == blobfake.Stage && strings.Contains(r.ID, "L00-R0000007")
	})

	mustBeEmpty(t, blobs)
}

// cancelAt runs a job that is cancelled at a request to storage, which has no
// answer.
func cancelAt(t *testing.T, blobs *blobfake.Account, params string, at func(blobfake.Request) bool) {
	t.Helper()

	engine := rasterEngine(t, blobs, 2)
	reached := make(chan struct{})

	var once sync.Once

	blobs.Before = func(ctx context.Context, r blobfake.Request) error {
		if !at(r) {
			return nil
		}

		once.Do(func() { close(reached) })
		<-ctx.Done()

		return ctx.Err()
	}

	id := engine.Submit("process_raster", params)

	<-reached

	if err := engine.Process(0).Machine.Cancel(t.Context(), id, "tester"); err != nil {
		t.Fatal(err)
	}

	engine.Wait(id).MustBe(t, state.JobCancelled)
}

func TestSecondJobWithTheSameOutputIsRefused(t *testing.T) {
	t.Parallel()

	// The second job commits before the first one stages a block, or before it
	// commits.
	for _, at := range []blobfake.Op{blobfake.Stage, blobfake.Commit} {
		blobs := rasterAccount(t)
		engine := rasterEngine(t, blobs, 2)

		var once sync.Once

		blobs.Before = func(ctx context.Context, r blobfake.Request) (err error) {
			if r.Op == at {
				once.Do(func() {
					_, err = blobs.Put(ctx, "cogs", "cog.tif", []byte("of another job"), handlers.WriteOptions{})
				})
			}

			return err
		}

		job := engine.Run("process_raster", rasterParams(1, `,"overwrite":true`)).MustBe(t, state.JobFailed)
		if got := failureOf(t, engine, job); !strings.HasPrefix(got, "output_conflict: ") {
			t.Errorf("%s: got %q, want output_conflict", at, got)
		}

		head, err := blobs.Head(t.Context(), "cogs", "cog.tif", 100)
		if err != nil || string(head) != "of another job" {
			t.Errorf("%s: the output of the other job is %q, %v", at, head, err)
		}
	}
}

func TestValidateGeotiffReportsOnEachFile(t *testing.T) {
	t.Parallel()

	blobs := rasterAccount(t)
	for name, content := range map[string]string{"bad.tif": "II*\x00", "b.TIFF": "not a TIFF at all", "c.txt": "x"} {
		if _, err := blobs.Put(t.Context(), "imagery", name, []byte(content), handlers.WriteOptions{}); err != nil {
			t.Fatal(err)
		}
	}

	job := rasterEngine(t, blobs, 1).Run("validate_geotiff", `{"container":"imagery"}`).MustBe(t, state.JobCompleted)

	var r jobs.ValidateGeotiffResult
	if err := json.Unmarshal(job.Result, &r); err != nil {
		t.Fatal(err)
	}

	if r.Total != 3 || r.Valid != 1 || len(r.Files) != 3 {
		t.Fatalf("got %+v, want 3 files of which 1 is valid", r)
	}

	for _, row := range r.Files {
		if row.Valid != (row.Blob == "hills.tif") || row.Valid != (len(row.Problems) == 0) {
			t.Errorf("got %+v", row)
		}

		if row.Blob == "b.TIFF" && !strings.HasPrefix(row.Problems[0], "not_tiff: ") {
			t.Errorf("got %+v", row)
		}
	}
}

// TestSeparateOverviewsAreNotThoseOfACOG validates the output of the job with and
// without a file of overviews next to it, as other programs write one.
func TestSeparateOverviewsAreNotThoseOfACOG(t *testing.T) {
	t.Parallel()

	blobs := rasterAccount(t)
	engine := rasterEngine(t, blobs, 1)
	engine.Run("process_raster", rasterParams(1, "")).MustBe(t, state.JobCompleted)

	validate := func(key string) jobs.ValidateGeotiffRow {
		job := engine.Run("validate_geotiff", `{"container":"cogs","prefix":"cog","limit":`+key+`}`).
			MustBe(t, state.JobCompleted)

		var r jobs.ValidateGeotiffResult
		if err := json.Unmarshal(job.Result, &r); err != nil || len(r.Files) != 1 {
			t.Fatalf("got %s, %v, want 1 file", job.Result, err)
		}

		return r.Files[0]
	}

	if got := validate("10"); !got.Valid || !got.COG {
		t.Errorf("got %+v, want a COG", got)
	}

	if _, err := blobs.Put(t.Context(), "cogs", "cog.tif.ovr", []byte("x"), handlers.WriteOptions{}); err != nil {
		t.Fatal(err)
	}

	got := validate("11")
	if !got.Valid || got.COG || !slices.Contains(got.Problems, "File cog.tif.ovr is not read") {
		t.Errorf("got %+v, want a valid file that is not a COG, and the file that is not read", got)
	}
}
