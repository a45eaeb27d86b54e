package e2e_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"

	"coremachine/internal/blobstore"
	"coremachine/internal/coremachine"
	"coremachine/internal/handlers"
	"coremachine/internal/jobs"
	"coremachine/internal/repo"
	"coremachine/internal/state"
	"coremachine/internal/test/blobtest"
	"coremachine/internal/test/enginetest"
	"coremachine/internal/test/pgtest"
)

// Settings of a worker that converts rasters in a separate process.
const (
	childStorage = "E2E_RASTER_STORAGE" // connection string of the account
	// childAct is the request to storage at which the process suspends itself:
	// "stage" and a part of the id of a block, before the request, or "commit",
	// "delete" and "put", after the request and before its answer.
	childAct = "E2E_RASTER_STOPS_AT"
)

// suspending suspends the process at its first request of a kind.
type suspending struct {
	handlers.Blobs

	act, part string
	once      sync.Once
}

// Stage is part of handlers.BlobWriter. A process that was suspended sends the
// request as a handler does that ignores its context.
func (s *suspending) Stage(ctx context.Context, container, name, id string, data []byte) error {
	if s.act != "stage" || !strings.Contains(id, s.part) {
		return s.Blobs.Stage(ctx, container, name, id, data)
	}

	late := false

	s.once.Do(func() {
		suspend()

		late = true
	})

	err := s.Blobs.Stage(context.WithoutCancel(ctx), container, name, id, data)
	if late {
		_, _ = fmt.Fprintln(os.Stdout, "staged", err)
	}

	return err
}

// Commit is part of handlers.BlobWriter.
func (s *suspending) Commit(
	ctx context.Context, container, name string, ids []string, o handlers.WriteOptions,
) (handlers.BlobInfo, error) {
	defer s.after("commit")

	return s.Blobs.Commit(ctx, container, name, ids, o)
}

// Put is part of handlers.BlobWriter.
func (s *suspending) Put(
	ctx context.Context, container, name string, data []byte, o handlers.WriteOptions,
) (handlers.BlobInfo, error) {
	if strings.HasSuffix(name, s.part) {
		defer s.after("put")
	}

	return s.Blobs.Put(ctx, container, name, data, o)
}

// Delete is part of handlers.BlobWriter.
func (s *suspending) Delete(ctx context.Context, container, name, etag string) error {
	defer s.after("delete")

	return s.Blobs.Delete(ctx, container, name, etag)
}

func (s *suspending) after(act string) {
	if s.act == act {
		s.once.Do(suspend)
	}
}

// TestRasterWorkerProcess is the body of a worker that another test starts.
// Without its settings it does nothing.
func TestRasterWorkerProcess(t *testing.T) {
	t.Parallel()

	connection := os.Getenv(childStorage)
	if connection == "" {
		return
	}

	act, part, _ := strings.Cut(os.Getenv(childAct), " ")
	blobs := &suspending{Blobs: openStore(t, connection), act: act, part: part}

	enginetest.Start(t, enginetest.Options{
		Jobs: jobs.All, Handlers: handlers.All, Deps: handlers.Deps{Blobs: blobs}, Config: shortLease,
		URL: os.Getenv(childURL), InFlight: 1, Dispatch: enginetest.Dispatch(os.Getenv(childMode)),
	})

	_, _ = io.Copy(io.Discard, os.Stdin) // until this process or its parent is killed
}

func openStore(t *testing.T, connection string) *blobstore.Store {
	t.Helper()

	store, err := blobstore.Open(blobstore.Options{Connection: connection})
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(store.Close)

	return store
}

// atCommit calls a function before the first commit.
type atCommit struct {
	handlers.Blobs

	call func()
	once sync.Once
}

// Commit is part of handlers.BlobWriter.
func (c *atCommit) Commit(
	ctx context.Context, container, name string, ids []string, o handlers.WriteOptions,
) (handlers.BlobInfo, error) {
	c.once.Do(c.call)

	return c.Blobs.Commit(ctx, container, name, ids, o)
}

// killedRaster is a job whose workers are killed or suspended. All jobs share a
// storage account and have an output container each.
type killedRaster struct {
	connection string
	container  string
	store      *blobstore.Store
	url        string
	job        state.JobID
}

func submitKilled(t *testing.T, connection, container string) *killedRaster {
	t.Helper()

	k := &killedRaster{
		connection: connection, container: container, store: openStore(t, connection), url: pgtest.URL(t),
	}

	if _, err := blobtest.Client(t, connection).CreateContainer(t.Context(), container, nil); err != nil {
		t.Fatal(err)
	}

	r, err := repo.Open(t.Context(), repo.Config{URL: k.url})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()

	submitted, err := coremachine.New(coremachine.Config{
		Jobs: jobs.All, Handlers: handlers.All, Store: r, Deps: handlers.Deps{Blobs: k.store},
	}).Submit(t.Context(), coremachine.SubmitRequest{
		Type: "process_raster", Body: []byte(rasterParamsFor(container, 1, "")),
	})
	if err != nil {
		t.Fatal(err)
	}

	k.job = submitted.JobID

	return k
}

// suspended starts a worker and returns when it has suspended itself.
func (k *killedRaster) suspended(t *testing.T, at string) (*os.Process, <-chan string) {
	t.Helper()

	process, lines := child(t, "TestRasterWorkerProcess", k.url, childStorage+"="+k.connection, childAct+"="+at)
	await(t, lines, "stopping")

	return process, lines
}

// kill starts a worker and kills it when it has suspended itself.
func (k *killedRaster) kill(t *testing.T, at string) {
	t.Helper()

	process, _ := k.suspended(t, at)
	if err := process.Kill(); err != nil {
		t.Fatal(err)
	}
}

// engine starts a process that ends the job.
func (k *killedRaster) engine(t *testing.T, blobs handlers.Blobs) *enginetest.Engine {
	t.Helper()

	return enginetest.Start(t, enginetest.Options{
		Jobs: jobs.All, Handlers: handlers.All, Deps: handlers.Deps{Blobs: blobs}, Config: shortLease, URL: k.url,
	})
}

// mustBe fails the test if the output has other bytes, or if anything else than
// the output and its preview is left. It returns the blocks that are staged.
func (k *killedRaster) mustBe(t *testing.T, want []byte) (staged []handlers.Block) {
	t.Helper()

	if got := k.names(t); got != "cog.preview.png cog.tif" {
		t.Errorf("the job left %q", got)
	}

	got, err := k.store.Head(t.Context(), k.container, "cog.tif", len(want)+1)
	if err != nil || string(got) != string(want) {
		t.Errorf("the output is another one than without kills: %d bytes, want %d, %v", len(got), len(want), err)
	}

	list, err := k.store.Blocks(t.Context(), k.container, "cog.tif")
	if err != nil {
		t.Fatal(err)
	}

	return list.Uncommitted
}

func (k *killedRaster) names(t *testing.T) string {
	t.Helper()

	var names []string

	for page, err := range k.store.Pages(t.Context(), k.container, "", 100) {
		if err != nil {
			t.Fatal(err)
		}

		for _, b := range page {
			names = append(names, b.Name)
		}
	}

	return strings.Join(names, " ")
}

// TestKilledRasterWorkersLeaveTheSameOutput kills real processes on Azurite with
// SIGKILL, in the middle of tiles and between requests and their answers. It
// suspends others until the job has continued without them. The output has the
// bytes of a run without kills.
func TestKilledRasterWorkersLeaveTheSameOutput(t *testing.T) {
	t.Parallel()

	referenceHash(t)

	want, err := reference.blobs.Head(t.Context(), "cogs", "cog.tif", 1<<24)
	if err != nil || !bytes.HasPrefix(want, []byte("II*")) {
		t.Fatalf("there is no reference output: %v", err)
	}

	source, err := rasterSource()
	if err != nil {
		t.Fatal(err)
	}

	connection := blobtest.Azurite(t).Connection()

	if _, err := blobtest.Client(t, connection).CreateContainer(t.Context(), "imagery", nil); err != nil {
		t.Fatal(err)
	}

	rewrite(t, openStore(t, connection), source)

	for container, points := range map[string][]string{
		"tiles":   {"stage L00-R0000001", "stage L00-R0000005"},
		"scratch": {"put t000007", "stage L03-R0000000"},
		"answers": {"commit", "delete"},
	} {
		t.Run(container, func(t *testing.T) {
			t.Parallel()

			k := submitKilled(t, connection, container)
			for _, at := range points {
				k.kill(t, at)
			}

			k.engine(t, k.store).Wait(k.job).MustBe(t, state.JobCompleted)

			if staged := k.mustBe(t, want); len(staged) > 0 {
				t.Errorf("%d blocks are staged", len(staged))
			}
		})
	}

	t.Run("zombie-before-commit", func(t *testing.T) {
		t.Parallel()

		k := submitKilled(t, connection, "zombie-before")
		process, lines := k.suspended(t, "stage L00-R0000003")

		k.engine(t, &atCommit{Blobs: k.store, call: func() {
			if err := process.Signal(syscall.SIGCONT); err != nil {
				t.Error(err)
			}

			for line := range lines {
				if line == "staged <nil>" {
					return
				}
			}
		}}).Wait(k.job).MustBe(t, state.JobCompleted)

		if staged := k.mustBe(t, want); len(staged) > 0 {
			t.Errorf("%d blocks are staged", len(staged))
		}
	})

	t.Run("zombie-after-commit", func(t *testing.T) {
		t.Parallel()

		k := submitKilled(t, connection, "zombie-after")
		process, lines := k.suspended(t, "stage L00-R0000003")
		k.engine(t, k.store).Wait(k.job).MustBe(t, state.JobCompleted)

		if err := process.Signal(syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}

		await(t, lines, "staged <nil>")

		// Storage discards it after a week.
		if staged := k.mustBe(t, want); len(staged) != 1 {
			t.Errorf("%d blocks are staged, want that of the zombie", len(staged))
		}
	})

	t.Run("cancelled", func(t *testing.T) {
		t.Parallel()

		k := submitKilled(t, connection, "cancelled")
		k.kill(t, "stage L00-R0000003")

		engine := k.engine(t, k.store)
		if err := engine.Process(0).Machine.Cancel(t.Context(), k.job, "tester"); err != nil {
			t.Fatal(err)
		}

		engine.Wait(k.job).MustBe(t, state.JobCancelled)

		_, err := k.store.Blocks(t.Context(), k.container, "cog.tif")
		if left := k.names(t); left != "" || !errors.Is(err, handlers.ErrNoBlob) {
			t.Errorf("the job left %q and blocks (%v)", left, err)
		}
	})
}
