package config

import (
	"errors"
	"fmt"

	"coremachine/internal/webhook"
)

// checkCallbacks checks who may be called and that requests can be signed.
func (c *Config) checkCallbacks() []error {
	if _, err := c.sender(); err != nil {
		return []error{err}
	}

	return nil
}

// Callbacks makes the sender of notifications. Without CALLBACK_HOSTS, or with
// settings that Load refuses, it refuses every URL.
func (c *Config) Callbacks() *webhook.Sender {
	sender, err := c.sender()
	if err != nil {
		return &webhook.Sender{}
	}

	return sender
}

func (c *Config) sender() (*webhook.Sender, error) {
	hosts, err := webhook.ParseHosts(c.CallbackHosts)
	if err != nil {
		return nil, fmt.Errorf("CALLBACK_HOSTS: %w", err)
	}

	if len(hosts) == 0 {
		return &webhook.Sender{}, nil
	}

	if c.CallbackSecret == "" {
		return nil, errors.New("CALLBACK_SECRET: is required with CALLBACK_HOSTS")
	}

	sender, err := webhook.NewSender(hosts, string(c.CallbackSecret))
	if err != nil {
		return nil, fmt.Errorf("CALLBACK_SECRET: %w", err)
	}

	return sender, nil
}
