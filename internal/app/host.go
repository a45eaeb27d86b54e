package app

import "coremachine/internal/config"

// hostProblems lists why no message would ever reach the process under the
// Functions host that started it. Without them the app would accept jobs that
// never run.
func hostProblems(cfg config.Config, getenv func(string) string) []string {
	switch {
	case cfg.LocalHost:
		return nil // it delivers for either transport

	case cfg.Transport == config.TransportServiceBus && cfg.Receive == config.ReceiveSelf:
		return []string{
			"RECEIVE: self is for the Postgres queue; the triggers of the Functions host receive from Service Bus. " +
				"Remove RECEIVE, or set TRANSPORT=postgres",
		}

	case cfg.Transport == config.TransportServiceBus:
		return nil

	case cfg.Receive == config.ReceiveSelf && inAzure(getenv):
		return []string{
			"RECEIVE: self is for func start on a laptop; Azure stops an instance without requests, which " +
				"would then receive " +
				"nothing. Set SERVICEBUS__fullyQualifiedNamespace",
		}

	case cfg.Receive == config.ReceiveHost:
		return []string{
			"TRANSPORT: no trigger of this Functions host delivers the messages of the Postgres queue, so " +
				"no job would run. " +
				"Set SERVICEBUS__fullyQualifiedNamespace, or SERVICEBUS for the emulator; with func start " +
				"on a laptop, RECEIVE=self " +
				"makes the app receive messages itself",
		}
	}

	return nil
}

// receivesItself reports whether a process under a Functions host receives from
// the Postgres queue without the host.
func receivesItself(cfg config.Config) bool {
	return !cfg.LocalHost && cfg.Transport == config.TransportPostgres && cfg.Receive == config.ReceiveSelf
}

// inAzure reports whether the platform has named the app or its instance, which
// func start does not do.
func inAzure(getenv func(string) string) bool {
	return getenv("WEBSITE_SITE_NAME") != "" || getenv("WEBSITE_INSTANCE_ID") != "" ||
		getenv("WEBSITE_POD_NAME") != ""
}
