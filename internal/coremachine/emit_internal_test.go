package coremachine

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"

	"coremachine/internal/state"
)

// partTable keeps parts as the statement does, and loses answers at random.
type partTable struct {
	mu     sync.Mutex
	parts  map[int]string
	rand   *rand.Rand
	faulty int // of 10 writes
}

var errNoAnswer = errors.New("no answer")

func (p *partTable) store(_ context.Context, part int, data []byte) (state.PartFate, error) {
	p.mu.Lock()
	defer p.mu.Unlock()

	fault := p.rand.IntN(10) < p.faulty
	if fault && p.rand.IntN(2) == 0 {
		return state.PartFate{}, errNoAnswer // it was not written
	}

	fate := state.PartFate{Held: true}

	switch stored, used := p.parts[part]; {
	case !used:
		p.parts[part], fate.Stored = string(data), true
	case stored == string(data):
		fate.Stored = true
	default:
		fate.Found = sha256.Sum256([]byte(stored))
	}

	if fault {
		return state.PartFate{}, errNoAnswer // it was written
	}

	return fate, nil
}

// TestConcurrentEmitsMakeEachPartOnce repeats what failed as a handler does,
// while others emit, and looks for lost parts, duplicates and gaps.
func TestConcurrentEmitsMakeEachPartOnce(t *testing.T) {
	t.Parallel()

	const goroutines, each = 8, 25

	for seed := range uint64(200) {
		table := &partTable{
			parts:  map[int]string{},
			rand:   rand.New(rand.NewPCG(seed, 1)),
			faulty: int(seed % 8),
		}
		e := newEmitter(t.Context(), table.store)

		var (
			want []string
			all  sync.WaitGroup
		)

		for g := range goroutines {
			for i := range each {
				want = append(want, strconv.Itoa(g%4*each+i)) // each content twice, by two goroutines
			}

			all.Go(func() {
				for i := range each {
					for e.emit(t.Context(), fmt.Append(nil, g%4*each+i)) != nil {
						continue
					}
				}
			})
		}

		all.Wait()

		got := slices.Collect(maps.Values(table.parts))
		slices.Sort(got)
		slices.Sort(want)

		if !slices.Equal(got, want) {
			t.Fatalf("seed %d: %d parts are stored, want %d", seed, len(got), len(want))
		}

		for part := range goroutines * each {
			if _, ok := table.parts[part]; !ok {
				t.Fatalf("seed %d: part %d is missing: a gap", seed, part)
			}
		}
	}
}

func TestAnEmitThatWasGivenUpLeavesItsNumber(t *testing.T) {
	t.Parallel()

	for _, written := range []bool{true, false} {
		parts := map[int]string{}
		table := &partTable{parts: parts, rand: rand.New(rand.NewPCG(1, 1))}
		lose := true

		e := newEmitter(
			t.Context(),
			func(ctx context.Context, part int, data []byte) (state.PartFate, error) {
				if !lose {
					return table.store(ctx, part, data)
				}

				if lose = false; written {
					parts[part] = string(data)
				}

				return state.PartFate{}, errNoAnswer
			},
		)
		if err := e.emit(t.Context(), []byte("given up")); err == nil {
			t.Fatal("an emit without an answer succeeded")
		}

		if err := e.emit(t.Context(), []byte("next")); err != nil {
			t.Fatal(err)
		}

		if err := e.emit(t.Context(), []byte("next")); err != nil { // a part of its own
			t.Fatal(err)
		}

		want := map[int]string{0: "next", 1: "next"}
		if written {
			want = map[int]string{0: "given up", 1: "next", 2: "next"}
		}

		if !maps.Equal(parts, want) {
			t.Errorf("the parts are %v, want %v", parts, want)
		}
	}
}

func TestNothingIsEmittedAfterTheHandlerReturned(t *testing.T) {
	t.Parallel()

	began, stopped := make(chan struct{}), make(chan error, 1)

	e := newEmitter(t.Context(), func(ctx context.Context, _ int, _ []byte) (state.PartFate, error) {
		close(began)
		<-ctx.Done()

		return state.PartFate{}, state.Wrap(state.CodeUnavailable, "test", "cut off", ctx.Err())
	})
	go func() { stopped <- e.emit(context.WithoutCancel(t.Context()), []byte("1")) }()

	<-began
	e.close()

	if err := <-stopped; !errors.Is(err, errAttemptOver) {
		t.Errorf("the emit under way ended with %v", err)
	}

	if err := e.emit(t.Context(), []byte("2")); !errors.Is(err, errAttemptOver) {
		t.Errorf("a later emit ended with %v", err)
	}
}

func TestAHandlerThatEmittedNothingCannotEmitAfterItReturned(t *testing.T) {
	t.Parallel()

	table := &partTable{parts: map[int]string{}, rand: rand.New(rand.NewPCG(1, 1))}
	e := newEmitter(t.Context(), table.store)
	e.close()

	if err := e.emit(t.Context(), []byte("late")); !errors.Is(err, errAttemptOver) || len(table.parts) != 0 {
		t.Errorf("the emit ended with %v; the parts are %v", err, table.parts)
	}
}

func TestAnotherContentUnderAUsedNumberIsRefused(t *testing.T) {
	t.Parallel()

	table := &partTable{parts: map[int]string{0: "of another"}, rand: rand.New(rand.NewPCG(1, 1))}

	err := newEmitter(t.Context(), table.store).emit(t.Context(), []byte("mine"))
	if state.CodeOf(err) != state.CodeInternal || table.parts[0] != "of another" {
		t.Errorf("the emit ended with %v; the part is %q", err, table.parts[0])
	}

	fenced := func(context.Context, int, []byte) (state.PartFate, error) { return state.PartFate{}, nil }
	if err := newEmitter(t.Context(), fenced).emit(t.Context(), []byte("mine")); !errors.Is(
		err,
		errLeaseLost,
	) {
		t.Errorf("an emit of a fenced attempt ended with %v", err)
	}
}
