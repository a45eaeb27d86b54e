package web

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"coremachine/internal/coremachine"
	"coremachine/internal/state"
	"coremachine/internal/view"
)

// typesPage is the data of the template "types".
type typesPage struct {
	Cards  []typeCard
	Trends trendStrip
}

// typeCard is a job type with the outcomes of its last runs.
type typeCard struct {
	coremachine.JobType
	URL    string
	Graph  graph
	Recent []recent
	Median *time.Duration // median duration of a completed run
}

// ShowsFullNames reports whether the drawing shows the full name of every
// stage.
func (c typeCard) ShowsFullNames() bool {
	for _, n := range c.Graph.Nodes {
		if n.Cut != n.Name {
			return false
		}
	}

	return c.Graph.Fit
}

// Path returns the names of the stages if there are only a few.
func (c typeCard) Path() string {
	const maxStages = 8
	if len(c.Stages) > maxStages {
		return num(len(c.Stages)) + " stages"
	}

	names := make([]string, len(c.Stages))
	for i, s := range c.Stages {
		names[i] = s.Name
	}

	return strings.Join(names, " · ")
}

// recent is one of the last runs.
type recent struct{ Shown, URL, Title string }

// recentRuns is the number of runs on a card. recentKept is how long they are
// cached.
const (
	recentRuns = 20
	recentKept = 4 * time.Second
)

func loadTypes(ctx context.Context, s *Server, _ *input) (content, error) {
	p := typesPage{}

	for _, t := range s.Types() {
		card, err := s.card(ctx, t)
		if err != nil {
			return content{}, err
		}

		p.Cards = append(p.Cards, card)
	}

	trends, err := s.trendStrip(ctx, "")
	if err != nil {
		return content{}, err
	}

	p.Trends = trends
	parts := []part{{ID: "cards"}, {ID: "trends", Template: "trend-strip", Data: trends}}

	return content{Title: "Job types", Data: p, Parts: parts}, nil
}

func (s *Server) card(ctx context.Context, t coremachine.JobType) (typeCard, error) {
	runs, err := s.runs.get(ctx, t.Name, recentKept, func(ctx context.Context) ([]view.JobSummary, error) {
		page, err := s.Reader.ListJobs(ctx, view.JobFilter{Type: t.Name, Limit: recentRuns})
		return page.Items, err
	})
	if err != nil {
		return typeCard{}, err
	}

	card := typeCard{JobType: t, URL: join(s.Prefix+"/ui", []any{"types", t.Name}), Graph: drawTypes(t)}

	var took []time.Duration

	for _, job := range slices.Backward(runs) {
		shown := job.Shown(time.Now())

		card.Recent = append(card.Recent, recent{
			Shown: shown,
			URL:   join(s.Prefix+"/ui", []any{"jobs", job.JobID}),
			Title: job.JobID.Short() + " " + word(shown),
		})
		if job.StartedAt != nil && job.FinishedAt != nil &&
			(job.Status == state.JobCompleted || job.Status == state.JobCompletedWithErrors) {
			took = append(took, *job.Ran(*job.FinishedAt))
		}
	}

	if len(took) > 0 {
		slices.Sort(took)
		card.Median = &took[(len(took)-1)/2]
	}

	return card, nil
}

// drawTypes draws the stages of a job type as declared.
func drawTypes(t coremachine.JobType) graph {
	rows := make([]stageRow, len(t.Stages))
	for i, st := range t.Stages {
		rows[i] = stageRow{
			StageView: view.StageView{
				Stage:     i,
				Name:      st.Name,
				Kind:      st.Kind,
				DependsOn: st.DependsOn,
				Finally:   st.Finally,
				Status:    state.StageWaiting,
			},
		}
	}

	g := drawGraph(rows)
	for i := range g.Nodes {
		g.Nodes[i].Cut = first(13, g.Nodes[i].Name)
	}

	return g
}

// typePage is the data of the template "type".
type typePage struct {
	typeCard
	Fields []formField
	From   *state.JobID // job whose parameters fill the form
	Root   string       // URL of the API, as the browser sees it
	Keys   bool         // requests need a key

	Tags string // that the form starts with, one on each line

	Callbacks bool // the form has a field for a callback URL

	Trends trendStrip
}

func loadType(ctx context.Context, s *Server, in *input) (content, error) {
	declared, found := state.FindType(s.Types(), in.params["type"])
	if !found {
		return content{}, state.Errorf(
			state.CodeNotFound,
			"web",
			"This build has no job type %q.",
			state.Excerpt(in.params["type"]),
		)
	}

	card, err := s.card(ctx, declared)
	if err != nil {
		return content{}, err
	}

	p := typePage{typeCard: card, Root: in.root + s.Prefix, Keys: !s.Inline, Callbacks: s.Callbacks}

	schema, err := view.ParseSchema(declared.Schema)
	if err != nil {
		return content{}, state.Wrap(state.CodeInternal, "web", "rendering the form failed", err)
	}

	p.Fields = formOf(schema)

	if p.Trends, err = s.trendStrip(ctx, declared.Name); err != nil {
		return content{}, err
	}

	if text := in.query.Get("job"); text != "" && schema.Property("job") == nil {
		if err := s.fillFromJob(ctx, &p, text); err != nil {
			return content{}, err
		}

		in.query.Del("job")
	}

	if err := prefill(p.Fields, schema, in.query); err != nil {
		return content{}, err
	}

	return content{Title: declared.Name, Data: p}, nil
}

// fillFromJob fills the form with the parameters of a job of the same type.
func (s *Server) fillFromJob(ctx context.Context, p *typePage, text string) error {
	id, err := s.findJob(ctx, text)
	if _, several := asChoice(err); several {
		return state.Invalid(
			"web",
			"The address is invalid.",
			state.FieldError{Field: "job", Message: "matches several jobs"},
		)
	}

	if err != nil {
		return err
	}

	job, err := s.Reader.ReadJob(ctx, id)
	if err != nil {
		return err
	}

	if job.JobType != p.Name {
		return state.Invalid(
			"web",
			"The address is invalid.",
			state.FieldError{Field: "job", Message: "is a job of the type " + job.JobType},
		)
	}

	fillFrom(p.Fields, job.Parameters)
	p.From = &id

	for _, name := range slices.Sorted(maps.Keys(job.Tags)) {
		p.Tags += name + "=" + job.Tags[name] + "\n"
	}

	return nil
}
