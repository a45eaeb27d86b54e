package coremachine

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/uuid"

	"coremachine/internal/state"
)

// orphanStore holds orphans in memory. A transaction over more than limit tasks
// reaches the statement's time limit.
type orphanStore struct {
	Store
	limit   int
	orphans []state.Orphan
	sizes   []int // of the transactions that were tried
}

func (s *orphanStore) Orphans(context.Context, int) ([]state.Orphan, error) {
	return append([]state.Orphan{}, s.orphans...), nil
}

func (s *orphanStore) ReclaimExpired(
	_ context.Context,
	_ uuid.UUID,
	batch []state.Orphan,
) (int, state.TransitionEffects, error) {
	size := sizeOf(batch)

	s.sizes = append(s.sizes, size)
	if size > s.limit {
		return 0, state.TransitionEffects{}, state.Wrap(state.CodeUnavailable, "test", "slow",
			state.ErrStatementTimeout)
	}

	for _, part := range batch {
		for i := range s.orphans {
			if o := &s.orphans[i]; o.MessageID == part.MessageID && o.First == part.First {
				o.First += part.Count
				o.Count -= part.Count
			}
		}
	}

	left := s.orphans[:0]
	for _, o := range s.orphans {
		if o.Count > 0 {
			left = append(left, o)
		}
	}

	s.orphans = left

	return size, state.TransitionEffects{}, nil
}

func TestLostWorkIsRequeuedInBatchesOfTasks(t *testing.T) {
	t.Parallel()

	one, other := uuid.New(), uuid.New()

	message := func(worker uuid.UUID, id int64, count int) state.Orphan {
		return state.Orphan{Worker: worker, MessageID: id, Kind: state.KindTasks, Count: count}
	}
	for _, tt := range []struct {
		name    string
		limit   int // 0: no statement reaches its time limit
		orphans []state.Orphan
		largest int // of the transactions that landed
		halved  bool
	}{
		{
			"SmallMessages", 0,
			[]state.Orphan{message(one, 1, 2000), message(one, 2, 2000), message(one, 3, 2000)},
			4000, false,
		},
		{"TwoHolders", 0, []state.Orphan{message(one, 1, 100), message(other, 2, 200)}, 200, false},
		{"AMessageOverTheBound", 0, []state.Orphan{message(one, 1, 12_345), message(one, 2, 10)}, lostTasks, false},
		{
			"TimeLimit", 700,
			[]state.Orphan{message(one, 1, 900), message(one, 2, 900), message(other, 3, 100)},
			700, true,
		},
		{"TimeLimitDownToOne", 1, []state.Orphan{message(one, 1, 5), message(one, 2, 1)}, 1, true},
		{"Hopeless", -1, []state.Orphan{message(one, 1, 8)}, 0, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			var log bytes.Buffer

			store := &orphanStore{limit: tt.limit, orphans: tt.orphans}
			if tt.limit == 0 {
				store.limit = 1 << 30
			}

			want := sizeOf(tt.orphans)
			m := New(Config{Store: store, Log: slog.New(slog.NewTextHandler(&log, nil))})

			freed, _, err := m.requeueLost(t.Context())

			largest := 0

			for _, size := range store.sizes {
				if size <= store.limit {
					largest = max(largest, size)
				}

				if size > lostTasks {
					t.Errorf("a transaction over %d tasks was tried", size)
				}
			}

			if tt.limit < 0 {
				want = 0
			}

			if freed != want || largest > tt.largest || (err != nil) != (tt.limit < 0) {
				t.Errorf(
					"requeued %d of %d, the largest batch had %d tasks, want at most %d; %v",
					freed,
					want,
					largest,
					tt.largest,
					err,
				)
			}

			if got := strings.Contains(log.String(), "halving the batch"); got != tt.halved {
				t.Errorf("the log says that a batch was halved: %t, want %t", got, tt.halved)
			}
		})
	}
}
