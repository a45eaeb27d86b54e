package client

import (
	"net/url"
	"time"

	"coremachine/internal/state"
)

// SubmitOption configures a submit.
type SubmitOption func(*SubmitOptions)

// SubmitOptions are the options of a submit. The zero value has the defaults.
type SubmitOptions struct {
	Rerun       bool          // run the job again if it has completed
	DryRun      bool          // check and plan, start nothing
	StartAt     time.Time     // start the job at this time; zero: immediately
	Delay       time.Duration // start the job after this time; not together with StartAt
	CallbackURL string        // notified when the job ends; empty: none

	RunKey string            // the rest of the identity of the job; empty: none
	Tags   map[string]string // of the run that the submit starts; nil: none
}

// Rerun runs the job again if it has completed.
func Rerun() SubmitOption { return func(o *SubmitOptions) { o.Rerun = true } }

// StartAt starts the job at a time.
func StartAt(at time.Time) SubmitOption { return func(o *SubmitOptions) { o.StartAt = at } }

// Delay starts the job after a time, by the clock of the database.
func Delay(d time.Duration) SubmitOption { return func(o *SubmitOptions) { o.Delay = d } }

// CallbackURL sends a notification to a URL when the job ends.
func CallbackURL(callback string) SubmitOption {
	return func(o *SubmitOptions) { o.CallbackURL = callback }
}

// RunKey makes the same parameters with another key another job.
func RunKey(key string) SubmitOption { return func(o *SubmitOptions) { o.RunKey = key } }

// Tag sets a tag on the job. Lists filter by tags.
func Tag(name, value string) SubmitOption {
	return func(o *SubmitOptions) {
		if o.Tags == nil {
			o.Tags = map[string]string{}
		}

		o.Tags[name] = value
	}
}

// Collect applies options. An error has CodeInvalid and names the options that
// exclude each other.
func Collect(opts []SubmitOption) (SubmitOptions, error) {
	var o SubmitOptions
	for _, opt := range opts {
		opt(&o)
	}

	if !o.StartAt.IsZero() && o.Delay != 0 {
		return o, state.Invalid("client.Submit", "the options of the submit are invalid",
			state.FieldError{Field: "delay", Message: "cannot be combined with start_at"})
	}

	return o, nil
}

// Query returns the options as the query parameters of the route.
func (o SubmitOptions) Query() url.Values {
	query := url.Values{}

	set := func(name, value string, given bool) {
		if given {
			query.Set(name, value)
		}
	}
	set("rerun", "true", o.Rerun)
	set("dry_run", "true", o.DryRun)
	set("start_at", o.StartAt.Format(time.RFC3339Nano), !o.StartAt.IsZero())
	set("delay", o.Delay.String(), o.Delay != 0)
	set("callback_url", o.CallbackURL, o.CallbackURL != "")
	set("key", o.RunKey, o.RunKey != "")

	for name, value := range o.Tags {
		set(state.TagPrefix+name, value, true)
	}

	return query
}
