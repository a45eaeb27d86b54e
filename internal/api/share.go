package api

import (
	"context"
	"time"

	"coremachine/internal/singleflight"
	"coremachine/internal/state"
)

// sharedReads lets requests that the same reading of versions woke share one
// reading of the job.
type sharedReads struct {
	group singleflight.Group[state.JobView]
}

// sharedLimit bounds a reading that outlives the request which began it.
const sharedLimit = 10 * time.Second

// job reads a job at a version or younger. Only whoever has seen the version
// may ask: the reading may have begun before the request, but never before the
// version was there.
func (s *sharedReads) job(
	ctx context.Context,
	r Reader,
	id state.JobID,
	version string,
) (state.JobView, error) {
	return s.group.Do(
		ctx,
		id.String()+"@"+version,
		sharedLimit,
		func(ctx context.Context) (state.JobView, error) {
			return r.ReadJob(ctx, id)
		},
	)
}
