package view

import (
	"encoding/json"
	"time"

	"coremachine/internal/state"
)

// EventDetail holds the details of an event in addition to its columns. If an
// event does not have a field, the field is zero.
type EventDetail struct {
	By        string `json:"by"` // who asked
	Status    string `json:"status"`
	Total     *int   `json:"total"` // nil: not known yet
	Completed int    `json:"completed"`
	Failed    int    `json:"failed"`
	Cancelled int    `json:"cancelled"`
	Final     bool   `json:"final"` // the attempt was the task's last
	Code      string `json:"code"`  // of a failed attempt
	Tasks     int    `json:"tasks"`
	Messages  int    `json:"messages"`
	Outcome   string `json:"outcome"`  // of a job with finally stages
	Repaired  int    `json:"repaired"` // stages whose counters were wrong
	Worker    string `json:"worker"`
	Message   string `json:"message"`
	Host      string `json:"host"`  // of a callback URL
	Tries     int    `json:"tries"` // of a notification
	Error     string `json:"error"` // of a notification that failed

	StartAt *time.Time `json:"start_at"` // of a delayed job

	Tags map[string]string `json:"tags"` // all of the job, after a change of them
}

// Known reads the details that this build knows; what cannot be read is left
// out.
func (e EventView) Known() (d EventDetail) {
	_ = json.Unmarshal(e.Detail, &d)
	return d
}

// ShownDetail returns the details with the status of an ended stage as people
// read it, see ShownStage.
func (e EventView) ShownDetail() json.RawMessage {
	d := e.Known()

	shown := ShownStage(state.StageStatus(d.Status), d.Failed)
	if e.Kind != "stage_ended" || shown == d.Status {
		return e.Detail
	}

	var fields map[string]json.RawMessage
	if json.Unmarshal(e.Detail, &fields) != nil {
		return e.Detail
	}

	fields["status"] = quoted(shown)

	detail, err := json.Marshal(fields)
	if err != nil {
		return e.Detail
	}

	return detail
}
