package web

import (
	"context"
	"net/url"
	"slices"
	"time"

	"coremachine/internal/api"
	"coremachine/internal/state"
	"coremachine/internal/view"
)

// trendsKeep is how long a reading of the trends is used. They change once a
// minute.
const trendsKeep = 5 * time.Second

// readTrends reads a window once for all viewers.
func (s *Server) readTrends(ctx context.Context, f view.TrendFilter) (view.TrendsView, error) {
	key := f.Window.Name + " " + f.JobType

	return s.trends.get(ctx, key, trendsKeep, func(ctx context.Context) (view.TrendsView, error) {
		return s.Reader.ReadTrends(ctx, f)
	})
}

// trendStrip summarizes the last hour and the last day, for the template
// "trend-strip".
type trendStrip struct {
	Items []trendItem
	Usual view.UsualView
	URL   string
}

// trendItem is one window of a strip.
type trendItem struct {
	Words  string
	URL    string
	D      string // path data of the tasks that ended
	Tasks  int64
	Failed int64
	Known  bool
}

func (s *Server) trendStrip(ctx context.Context, jobType string) (trendStrip, error) {
	strip := trendStrip{URL: s.trendsURL("", jobType)}

	for _, w := range view.TrendWindows[:2] {
		v, err := s.readTrends(ctx, view.TrendFilter{Window: w, JobType: jobType})
		if err != nil {
			return trendStrip{}, err
		}

		tasks := pointsOf(v, func(step view.TrendStep) *float64 {
			return step.Per(1, view.TrendCounts.TasksEnded)
		})
		strip.Items = append(strip.Items, trendItem{
			Words:  w.Words,
			URL:    s.trendsURL(w.Name, jobType),
			D:      linePath(tasks, highest(tasks), sparkRight+sparkLeft, sparkBottom+sparkTop, sparkLeft),
			Tasks:  v.Total.TasksEnded(),
			Failed: v.Total.TasksFailed,
			Known:  slices.ContainsFunc(tasks, func(p *float64) bool { return p != nil }),
		})
		strip.Usual = v.Usual
	}

	return strip, nil
}

func (s *Server) trendsURL(window, jobType string) string {
	q := url.Values{}
	if window != "" {
		q.Set("window", window)
	}

	if jobType != "" {
		q.Set("type", jobType)
	}

	return withQuery(s.Prefix+"/ui/trends", q)
}

// pointsOf returns one value for each step.
func pointsOf(v view.TrendsView, of func(view.TrendStep) *float64) []*float64 {
	points := make([]*float64, len(v.Steps))
	for i, step := range v.Steps {
		points[i] = of(step)
	}

	return points
}

// trendsPage is the data of the template "trends".
type trendsPage struct {
	view.TrendsView
	Windows []tab
	Words   string
	Name    string // the window, if it is not the first
	Types   []string
	Rate    float64 // tasks per second
	Known   bool    // something is recorded
	Charts  []chart
	Rows    []view.TrendStep // the same in numbers
	ByType  []trendTypeRow
	Clear   string
	Runbook string
}

// trendTypeRow is a job type in numbers.
type trendTypeRow struct {
	view.TrendType
	URL string
}

func loadTrends(ctx context.Context, s *Server, in *input) (content, error) {
	f, err := api.ReadTrendFilter(in.raw)
	if err != nil {
		return content{}, err
	}

	v, err := s.readTrends(ctx, f)
	if err != nil {
		return content{}, err
	}

	window := in.query.Get("window")
	p := trendsPage{
		TrendsView: v,
		Words:      f.Window.Words,
		Name:       window,
		Rate:       float64(v.Total.TasksEnded()) / f.Window.Long.Seconds(),
		Charts:     drawTrends(v),
		Clear:      s.trendsURL(window, ""),
		Runbook:    view.RunbookQueueAge.String(),
	}

	for _, w := range view.TrendWindows {
		p.Windows = append(p.Windows, tab{
			Text: w.Words, URL: s.trendsURL(w.Name, f.JobType), Current: w.Name == f.Window.Name,
		})
	}

	var recorded []string

	for _, t := range v.Types {
		recorded = append(recorded, t.JobType)
		p.ByType = append(p.ByType, trendTypeRow{t, s.trendsURL(window, t.JobType)})
	}

	p.Types = typeNames(s.Types(), append(recorded, f.JobType)...)

	for _, step := range slices.Backward(v.Steps) {
		p.Known = p.Known || step.Counts != nil || step.Queues != nil
		p.Rows = append(p.Rows, step)
	}

	return content{Title: "Trends", Data: p, Parts: []part{{ID: "trends-live"}}}, nil
}

// drawTrends draws the charts of a window. Depth and age are not recorded by
// job type.
func drawTrends(v view.TrendsView) []chart {
	marks := [3]time.Time{v.From, v.From.Add(v.Until.Sub(v.From) / 2), v.Until}
	line := func(name string, units float64, of func(view.TrendCounts) int64) series {
		return series{name, pointsOf(v, func(step view.TrendStep) *float64 { return step.Per(units, of) })}
	}
	minutes := float64(v.Step) / 60

	charts := []chart{
		drawChart("Tasks per second", rate, marks, line("ended", float64(v.Step), view.TrendCounts.TasksEnded)),
		drawChart("Failures per minute", rate, marks,
			line("failed tasks", minutes, func(c view.TrendCounts) int64 { return c.TasksFailed }),
			line("retries", minutes, func(c view.TrendCounts) int64 { return c.Retries }),
			line("failed jobs", minutes, func(c view.TrendCounts) int64 { return c.JobsFailed })),
		drawChart("Jobs per minute", rate, marks,
			line("started", minutes, func(c view.TrendCounts) int64 { return c.JobsStarted }),
			line("ended", minutes, view.TrendCounts.JobsEnded)),
	}
	if v.JobType != "" {
		return charts
	}

	var depths []series

	for _, q := range state.Queues {
		name := q.String()
		depths = append(depths, series{name, pointsOf(v, func(step view.TrendStep) *float64 {
			if step.Queues == nil {
				return nil
			}

			n := float64(step.Queues[name].Waiting)

			return &n
		})})
	}

	return append(charts,
		drawChart("Messages waiting", whole, marks, depths...),
		drawChart("Oldest wait", inSeconds, marks, series{"of all queues", pointsOf(v, view.TrendStep.Oldest)}))
}

func whole(v float64) string { return num(int64(v)) }

func inSeconds(v float64) string { return view.FormatDuration(seconds(v)) }
