package repo_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strconv"
	"testing"

	"github.com/jackc/pgx/v5"

	"coremachine/internal/jobs/define"
	"coremachine/internal/state"
	"coremachine/internal/test/pgtest"
)

// TestLargeBatchesKeepTheMemoryOfTheServer completes a batch of one end, and two
// large ones.
func TestLargeBatchesKeepTheMemoryOfTheServer(t *testing.T) {
	t.Parallel()

	const tasks = 300

	h := newManualJob(
		t, fmt.Sprintf(`{"n":%d}`, tasks), define.Stage[params]{Name: "only", Tasks: dynamic(), Bundle: tasks},
	)
	claimed := h.claim(h.a, state.KindTasks, 1)[0]

	ends := make([]state.TaskEnd, tasks)
	for i := range ends {
		ends[i] = end(claimed, i)
	}

	h.complete(h.a, 1, ends[0])

	if n := h.sent.take("keep_memory"); n != 0 {
		t.Errorf("a batch of one end sent keep_memory %d times", n)
	}

	h.complete(h.a, 149, ends[1:150]...)
	h.complete(h.a, 150, ends[150:]...)

	if n := h.sent.take("keep_memory"); n != 1 {
		t.Errorf("two large batches on one connection sent keep_memory %d times, want once", n)
	}
}

// TestServerProcessKeepsItsMemory counts the page faults of a statement that
// takes more than a megabyte, on a new connection.
func TestServerProcessKeepsItsMemory(t *testing.T) {
	t.Parallel()

	conn, err := pgx.Connect(t.Context(), pgtest.URL(t))
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })

	if n := faults(t, conn); n < 100 {
		t.Fatalf("a statement had %d page faults, so that it shows nothing: choose a larger one", n)
	}

	keep, err := os.ReadFile("queries/keep_memory.sql")
	if err != nil {
		t.Fatal(err)
	}

	if _, err := conn.Exec(t.Context(), string(keep)); err != nil {
		t.Fatal(err)
	}

	if n := faults(t, conn); n > 50 {
		t.Errorf("a statement had %d page faults: the server process gave its memory back", n)
	}
}

// faults returns the page faults of the server process in one such statement.
func faults(t *testing.T, conn *pgx.Conn) int {
	t.Helper()

	const (
		sql  = `select count(*) from (select array_agg(g::numeric) from generate_series(1, 20000) g) a`
		runs = 10
	)

	var before int

	for i := range 2 * runs {
		if i == runs {
			before = pageFaults(t, conn.PgConn().PID())
		}

		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}

	return (pageFaults(t, conn.PgConn().PID()) - before) / runs
}

// pageFaults returns how many pages a process has taken from the kernel.
func pageFaults(t *testing.T, pid uint32) int {
	t.Helper()

	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}

	// The name, in brackets, can contain spaces. minflt is the eighth field
	// behind it.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])

	n, err := strconv.Atoi(string(fields[7]))
	if err != nil {
		t.Fatal(err)
	}

	return n
}
