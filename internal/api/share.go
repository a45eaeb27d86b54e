package api

import (
	"context"
	"time"

	"coremachine/internal/singleflight"
	"coremachine/internal/state"
	"coremachine/internal/view"
)

// sharedReads allows requests that the same reading of versions woke to share
// one reading of the job.
type sharedReads struct {
	group singleflight.Group[view.JobView]
}

// sharedLimit is the time limit of a reading. A reading can outlive the request
// that started it.
const sharedLimit = 10 * time.Second

// job reads a job at a version or a newer one. Only callers that have seen the
// version may call it: the reading may have started before the request, but not
// before the version existed.
func (s *sharedReads) job(
	ctx context.Context,
	r Reader,
	id state.JobID,
	version string,
) (view.JobView, error) {
	return s.group.Do(
		ctx,
		id.String()+"@"+version,
		sharedLimit,
		func(ctx context.Context) (view.JobView, error) {
			return r.ReadJob(ctx, id)
		},
	)
}
