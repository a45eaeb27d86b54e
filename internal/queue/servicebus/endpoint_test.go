package servicebus_test

import (
	"strings"
	"testing"

	"coremachine/internal/queue/servicebus"
	"coremachine/internal/state"
)

const key = ";SharedAccessKeyName=k;SharedAccessKey=dG9wc2VjcmV0"

func TestClearTextOnlyToLoopback(t *testing.T) {
	t.Parallel()

	for _, test := range []struct {
		connection string
		rejected   bool
	}{
		{"Endpoint=sb://127.0.0.1:5672" + key + ";UseDevelopmentEmulator=true", false},
		{"Endpoint=sb://localhost" + key + ";UseDevelopmentEmulator=true", false},
		{"Endpoint=sb://[::1]:5672" + key + ";UseDevelopmentEmulator=true", false},
		{"Endpoint=sb://name.servicebus.windows.net" + key, false},
		{"Endpoint=sb://name.servicebus.windows.net/" + key + ";UseDevelopmentEmulator=false", false},
		{"Endpoint=sb://name.servicebus.windows.net" + key + ";UseDevelopmentEmulator=true", true},
		{"UseDevelopmentEmulator=1;Endpoint=sb://10.0.0.1:5672" + key, true},
		{"usedevelopmentemulator=T;Endpoint=sb://localhost.example.com" + key, true},
		{"Endpoint=sb://127.0.0.1@name.example.com" + key + ";UseDevelopmentEmulator=true", true},
		{"Endpoint=sb://127.0.0.1" + key + ";UseDevelopmentEmulator=true;Endpoint=sb://name.example.com", true},
		{"Endpoint=sb://name.example.com; Endpoint=sb://127.0.0.1" + key + ";UseDevelopmentEmulator=true", true},
		{"Endpoint=sb://name.example.com" + key + ";UseDevelopmentEmulator=true; UseDevelopmentEmulator=false", true},
		{"Endpoint=" + key, true},
		{"Endpoint=://" + key, true},
	} {
		c, err := servicebus.New(servicebus.Options{Connection: test.connection})
		if err == nil {
			if err := c.Close(t.Context()); err != nil {
				t.Error(err)
			}
		}

		if rejected := err != nil; rejected != test.rejected ||
			rejected && state.CodeOf(err) != state.CodeInvalid {
			t.Errorf("%q: got %v, want rejected: %t", test.connection, err, test.rejected)
		}

		if err != nil &&
			(strings.Contains(err.Error(), "dG9wc2VjcmV0") || strings.Contains(err.Error(), "example.com")) {
			t.Errorf("the error contains a part of the connection string: %v", err)
		}
	}
}
