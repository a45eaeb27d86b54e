package config

import (
	"errors"
	"fmt"

	"coremachine/internal/webhook"
)

// checkCallbacks checks who may be called and that requests can be signed.
func (c *Config) checkCallbacks() []error {
	hosts, err := webhook.ParseHosts(c.CallbackHosts)
	if err != nil {
		return []error{fmt.Errorf("CALLBACK_HOSTS: %w", err)}
	}

	if len(hosts) == 0 {
		return nil
	}

	if c.CallbackSecret == "" {
		return []error{errors.New("CALLBACK_SECRET: is required with CALLBACK_HOSTS")}
	}

	if _, err := webhook.NewSender(hosts, string(c.CallbackSecret)); err != nil {
		return []error{fmt.Errorf("CALLBACK_SECRET: %w", err)}
	}

	return nil
}

// Callbacks makes the sender of notifications. Without CALLBACK_HOSTS it
// refuses every URL. The settings have been checked.
func (c *Config) Callbacks() *webhook.Sender {
	hosts, err := webhook.ParseHosts(c.CallbackHosts)
	if err != nil || len(hosts) == 0 {
		return &webhook.Sender{}
	}

	sender, err := webhook.NewSender(hosts, string(c.CallbackSecret))
	if err != nil {
		return &webhook.Sender{}
	}

	return sender
}
