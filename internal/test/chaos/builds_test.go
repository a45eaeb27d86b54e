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

// The builds of the processes of a cluster. They declare the job moving
// differently. The process that replaces a killed one is of the other build, so
// running jobs continually meet both builds.
const (
	buildEnv = "CHAOS_BUILD"

	buildOld = "old"
	buildNew = "new"
)

var buildNames = []string{buildOld, buildNew}

// registries returns the jobs and handlers of a build.
func registries(build string) (map[string]define.Job, map[string]handlers.Handler) {
	j, h := fixtures.Jobs(), fixtures.Handlers()
	maps.Copy(j, jobs.All)
	maps.Copy(h, handlers.All)

	j["moving"] = moving(build)
	j["tidy"] = tidy

	return j, h
}

// ownRegistries returns the registries of this process's build.
func ownRegistries() (map[string]define.Job, map[string]handlers.Handler) {
	return registries(os.Getenv(buildEnv))
}

// moving is list -> each -> follow -> sum. The new build inserts a stage at the
// start, so that all stage numbers differ, and one between each and follow.
// Jobs that one build submitted can only continue in processes of that build.
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
			Description: "A job that the builds declare differently",
			Stages:      stages,
		},
	)
}

// each plans k numbers from a result, starting at k times its value.
func each(p fixtures.FanOutParams, _ int, r fixtures.NumberOut) iter.Seq[fixtures.NumberIn] {
	return func(yield func(fixtures.NumberIn) bool) {
		for i := range p.K {
			if !yield(fixtures.NumberIn{Value: r.Value*p.K + i}) {
				return
			}
		}
	}
}

// movingBy returns the job as a build submits it.
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

// nextBuild returns the build of the next process of a slot. The first two
// workers keep their build, so that both builds are always present. A deployment
// chooses the build.
func (s *slot) nextBuild() string {
	if s.build != "" {
		return s.build
	}

	build := buildNames[(s.number+s.started)%len(buildNames)]
	if s.role == roleWorker && s.number < len(buildNames) {
		build = buildNames[s.number]
	}

	s.started++

	return build
}
