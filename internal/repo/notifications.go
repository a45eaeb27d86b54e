package repo

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"coremachine/internal/state"
)

// ClaimNotifications takes at most most notifications that are due, and counts
// a try of each. No other process takes them within lock.
func (r *Repo) ClaimNotifications(
	ctx context.Context, most int, lock time.Duration,
) (due []state.Notification, err error) {
	args := namedArgs{"most": most, "lock": lock.Seconds()}
	err = r.single(ctx, "repo.ClaimNotifications", "claim_notifications", args, func(rows pgx.Rows) (err error) {
		due, err = pgx.CollectRows(rows, scanNotification)
		return err
	})

	return due, err
}

func scanNotification(row pgx.CollectableRow) (n state.Notification, err error) {
	var (
		job []byte
		age float64
	)

	err = row.Scan(&job, &n.Attempt, &n.Incarnation, &n.CallbackURL, &n.Data, &n.EndedAt, &n.Tries, &age)
	copy(n.JobID[:], job)
	n.Age = time.Duration(age * float64(time.Second))

	return n, err
}

// EndNotification records that a notification was delivered, with an empty
// problem, or failed permanently. landed is false if another process has taken it
// since, or if its job was deleted.
func (r *Repo) EndNotification(
	ctx context.Context, n state.Notification, host, problem string,
) (landed bool, err error) {
	rows, err := r.one(ctx, "repo.EndNotification", "end_notification", namedArgs{
		"job_id": n.JobID[:], "attempt": n.Attempt, "tries": n.Tries,
		"delivered": problem == "", "error": problem, "host": host,
	})

	return rows > 0, err
}

// DelayNotification records why a try failed, and that the next one is due
// after delay. landed is as for EndNotification.
func (r *Repo) DelayNotification(
	ctx context.Context, n state.Notification, delay time.Duration, problem string,
) (landed bool, err error) {
	rows, err := r.one(ctx, "repo.DelayNotification", "delay_notification", namedArgs{
		"job_id": n.JobID[:], "attempt": n.Attempt, "tries": n.Tries,
		"delay": delay.Seconds(), "error": problem,
	})

	return rows > 0, err
}
