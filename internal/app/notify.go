package app

import (
	"context"

	"coremachine/internal/notify"
)

// notify sends the notifications of ended jobs until ctx ends, in processes
// that may call a host.
func (a *App) notify(ctx context.Context) {
	if a.notifier != nil {
		a.loops.Go(func() { a.notifier.Run(ctx) })
	}
}

// newNotifier makes the notifier; nil where no host may be called.
func (a *App) newNotifier() *notify.Notifier {
	if a.cfg.CallbackHosts == "" {
		return nil
	}

	return notify.New(a.repo, a.cfg.Callbacks(), a.log)
}
