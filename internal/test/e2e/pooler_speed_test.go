package e2e_test

import (
	"flag"
	"fmt"
	"slices"
	"testing"
	"time"

	"coremachine/internal/state"
	"coremachine/internal/test/enginetest"
	"coremachine/internal/test/fixtures"
	"coremachine/internal/test/pgtest"
)

var poolerRounds = flag.Int("pooler.rounds", 0, "rounds of TestSpeedThroughAPooler; 0: one, of small jobs")

// TestSpeedThroughAPooler runs the same jobs in turn over direct connections
// and through PgBouncer, and reports the medians and their ratio. It asserts no
// times, since they depend on the load of the machine.
func TestSpeedThroughAPooler(t *testing.T) {
	t.Parallel()

	const sessions = 8

	rounds, tasks := *poolerRounds, 1000
	if rounds == 0 {
		rounds, tasks = 1, 10
	}

	start := func(address string) *enginetest.Engine {
		return enginetest.Start(t, enginetest.Options{
			Jobs:     fixtures.Jobs(),
			Handlers: fixtures.Handlers(),
			URL:      address,
			Conns:    sessions,
			Dispatch: enginetest.Local,
		})
	}
	through, _ := pgtest.PooledBy(t, sessions)
	ways := [2]*enginetest.Engine{start(pgtest.URL(t)), start(through)}

	for _, n := range []int{tasks, 1} {
		var took [2][]time.Duration

		for round := range rounds + 1 { // the first round opens connections and plans statements
			for way, e := range ways {
				begin := time.Now()

				e.Run("fanin", fmt.Sprintf(`{"n":%d}`, n+round)).MustBe(t, state.JobCompleted)

				if round > 0 {
					took[way] = append(took[way], time.Since(begin))
				}
			}
		}

		direct, pooled := median(took[0]), median(took[1])
		t.Logf(
			"fanin of %d to %d tasks: direct %s, through PgBouncer %s, ratio %.2f, median of %d",
			n+1,
			n+rounds,
			direct.Round(100*time.Microsecond),
			pooled.Round(100*time.Microsecond),
			float64(pooled)/float64(direct),
			rounds,
		)
	}
}

func median(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)/2]
}
