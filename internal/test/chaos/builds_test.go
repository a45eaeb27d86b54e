package chaos

import (
	"fmt"
	"iter"
	"maps"
	"os"

	"coremachine/internal/handlers"
	"coremachine/internal/jobs"
	"coremachine/internal/jobs/define"
	"coremachine/internal/test/fixtures"
)

// Builds that the processes of a cluster are made of. They declare the job
// moving otherwise, and each process that starts in place of a killed one is of
// the other build than the one before it: running jobs meet both all the time.
const (
	buildEnv = "CHAOS_BUILD"

	buildOld = "old"
	buildNew = "new"
)

var buildNames = []string{buildOld, buildNew}

// registries are what a build declares.
func registries(build string) (map[string]define.Job, map[string]handlers.Handler) {
	j, h := fixtures.Jobs(), fixtures.Handlers()
	maps.Copy(j, jobs.All)
	maps.Copy(h, handlers.All)

	j["moving"] = moving(build)

	return j, h
}

// ownRegistries are those of the build that this process is told to be.
func ownRegistries() (map[string]define.Job, map[string]handlers.Handler) {
	return registries(os.Getenv(buildEnv))
}

// moving is list -> each -> follow -> sum. The new build inserts a stage in
// front, so that all numbers differ, and one between each and follow: what the
// old build has submitted can only be followed by processes of the old build,
// and the other way round.
func moving(build string) define.Job {
	type stage = define.Stage[fixtures.FanOutParams]

	input := func(_ fixtures.FanOutParams, index int) fixtures.NumberIn { return fixtures.NumberIn{Value: index} }
	follow := define.MatchPrevious(fixtures.Next, input)

	stages := []stage{
		{Name: "list", DependsOn: define.None, Tasks: define.Dynamic(fixtures.Number, "n", input)},
		{
			Name:   "each",
			Bundle: 2,
			Tasks:  define.FanOut(fixtures.Number, define.From("list", fixtures.Number), each),
		},
		{Name: "follow", UsesLineage: true, Tasks: follow},
		{Name: "sum", Tasks: define.FanIn(fixtures.Sum, func(fixtures.FanOutParams) fixtures.SumIn {
			return fixtures.SumIn{Stages: []string{"each"}}
		})},
	}
	if build == buildNew {
		before := stage{
			Name: "before",
			Tasks: define.Single(fixtures.Number, func(fixtures.FanOutParams) fixtures.NumberIn {
				return fixtures.NumberIn{}
			}),
		}
		between := stage{Name: "between", UsesLineage: true, Tasks: follow}
		stages = []stage{before, stages[0], stages[1], between, stages[2], stages[3]}
	}

	return define.Define(
		define.Definition[fixtures.FanOutParams]{
			Description: "A job that builds declare otherwise",
			Stages:      stages,
		},
	)
}

// each plans the k numbers from k times a result on.
func each(p fixtures.FanOutParams, _ int, r fixtures.NumberOut) iter.Seq[fixtures.NumberIn] {
	return func(yield func(fixtures.NumberIn) bool) {
		for i := range p.K {
			if !yield(fixtures.NumberIn{Value: r.Value*p.K + i}) {
				return
			}
		}
	}
}

// movingBy is the job as a build submits it.
func movingBy(build string) func(i int) expected {
	return func(i int) expected {
		seed := 2 * i
		if build == buildNew {
			seed++
		}

		return expected{
			jobType: "moving", body: fmt.Sprintf(`{"n":12,"k":5,"seed":%d}`, seed), build: build,
			stage: "sum", want: sumOf(60),
		}
	}
}

// nextBuild is the build of the process that sits down next. The first two
// workers keep theirs, so that both builds are always there.
func (s *seat) nextBuild() string {
	build := buildNames[(s.number+s.started)%len(buildNames)]
	if s.role == roleWorker && s.number < len(buildNames) {
		build = buildNames[s.number]
	}

	s.started++

	return build
}
