package web

import (
	"context"
	"encoding/json"
	"net/url"
	"time"

	"coremachine/internal/api"
	"coremachine/internal/coremachine"
	"coremachine/internal/view"
)

// sweepsPage is the data of the template "sweeps".
type sweepsPage struct {
	Last   *sweepRow  // the newest sweep that has ended
	Due    time.Time  // time of the next scheduled sweep; zero before the first
	Late   bool       // the timer does not seem to run
	Busy   sweepTable // sweeps that found something or failed, newest first
	More   int        // number of busy sweeps that are not shown
	Seen   int        // number of sweeps that were read
	Since  time.Time  // start of the oldest of them
	Latest sweepTable
	Older  string
	Newest string
}

// BusyCount returns the number of sweeps that found something or failed.
func (p sweepsPage) BusyCount() int { return len(p.Busy.Rows) + p.More }

type sweepTable struct {
	Columns []sweepColumn
	Rows    []sweepRow
}

// sweepColumn is one kind of finding.
type sweepColumn struct{ Key, Name, Means string }

// sweepColumns are the findings in the order of the page. The keys are those of
// state.SweepFound.
var sweepColumns = []sweepColumn{
	{"lost", "Freed", "tasks and plans requeued from dead processes"},
	{"collected", "Collected", "dead letters found in Service Bus"},
	{"dead", "Redriven", "dead letters sent again because their work is still needed"},
	{"resent", "Sent again", "messages of stalled stages"},
	{"repaired", "Repaired", "open jobs without a message"},
	{"expired", "Expired", "ended jobs past retention"},
	{"purged", "Purged", "rows deleted"},
	{"superseded", "Superseded", "rows of earlier generations deleted"},
	{"logs", "Logs", "expired log lines of tasks deleted, by attempt"},
}

// sweepRow is one sweep.
type sweepRow struct {
	view.SweepView
	Counts []int // in the order of sweepColumns
	Quiet  bool  // the sweep found nothing and did not fail
	Failed bool
}

// Took returns how long the sweep ran.
func (r sweepRow) Took() string { return between(&r.StartedAt, r.EndedAt) }

const (
	sweepLate  = 3 * coremachine.SweepEvery
	sweepsKept = 1000
	busyShown  = 20
)

func loadSweeps(ctx context.Context, s *Server, in *input) (content, error) {
	before, _, err := api.ReadSweepFilter(in.raw)
	if err != nil {
		return content{}, err
	}

	all, err := s.keptSweeps(ctx)
	if err != nil {
		return content{}, err
	}

	p := sweepsPage{
		Seen:   len(all),
		Busy:   sweepTable{Columns: sweepColumns},
		Latest: sweepTable{Columns: sweepColumns},
	}
	for _, row := range all {
		if row.EndedAt != nil && p.Last == nil {
			p.Last = &row
		}

		if !row.Quiet && row.EndedAt != nil {
			if len(p.Busy.Rows) < busyShown {
				p.Busy.Rows = append(p.Busy.Rows, row)
			} else {
				p.More++
			}
		}

		p.Since = row.StartedAt
	}

	p.Late = p.Last == nil || time.Since(p.Last.StartedAt) > sweepLate
	if len(all) > 0 {
		p.Due = coremachine.NextSweep(all[0].StartedAt)
	}

	page, err := s.Reader.ListSweeps(ctx, before, 20)
	if err != nil {
		return content{}, err
	}

	for _, one := range page.Items {
		p.Latest.Rows = append(p.Latest.Rows, sweepRowOf(one))
	}

	root := s.Prefix + "/ui/sweeps"
	if page.Next != nil {
		p.Older = root + "?" + url.Values{"cursor": {*api.SweepCursor(page.Next)}}.Encode()
	}

	c := content{Title: "Sweeps", Parts: []part{{ID: "sweeps", Template: "sweeps-live"}}}
	if before > 0 {
		p.Newest, c.Parts = root, nil
	}

	c.Data = p

	return c, nil
}

// keptSweeps reads all stored sweeps, newest first.
func (s *Server) keptSweeps(ctx context.Context) ([]sweepRow, error) {
	var all []sweepRow

	before := int64(0)
	for len(all) < sweepsKept {
		page, err := s.Reader.ListSweeps(ctx, before, view.MaxPage)
		if err != nil {
			return nil, err
		}

		for _, one := range page.Items {
			all = append(all, sweepRowOf(one))
		}

		if page.Next == nil {
			break
		}

		before = *page.Next
	}

	return all, nil
}

func sweepRowOf(v view.SweepView) sweepRow {
	found := map[string]int{}
	_ = json.Unmarshal(v.Found, &found) // null while the sweep runs

	row := sweepRow{SweepView: v, Failed: v.Error != "", Quiet: v.Error == ""}
	for _, c := range sweepColumns {
		row.Counts = append(row.Counts, found[c.Key])
		row.Quiet = row.Quiet && found[c.Key] == 0
	}

	return row
}
