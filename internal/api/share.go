package api

import (
	"context"
	"time"

	"golang.org/x/sync/singleflight"

	"coremachine/internal/state"
)

// sharedReads lets requests that the same reading of versions woke share one reading of the job.
type sharedReads struct{ group singleflight.Group }

// sharedLimit bounds a reading that outlives the request which began it.
const sharedLimit = 10 * time.Second

// job reads a job at a version or younger. Only whoever has seen the version may ask: the reading may have begun before the request,
// but never before the version was there.
func (s *sharedReads) job(ctx context.Context, r Reader, id state.JobID, version string) (state.JobView, error) {
	result := s.group.DoChan(id.String()+"@"+version, func() (any, error) {
		limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), sharedLimit)
		defer cancel()
		return r.ReadJob(limited, id)
	})
	select {
	case got := <-result:
		job, _ := got.Val.(state.JobView)
		return job, got.Err
	case <-ctx.Done():
		return state.JobView{}, ctx.Err()
	}
}
