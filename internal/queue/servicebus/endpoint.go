package servicebus

import (
	"net"
	"net/url"
	"strconv"
	"strings"

	"coremachine/internal/state"
)

// endpoint returns the host, and the port if there is one, of a connection
// string. It parses the string in the same way as the client. It rejects the
// option that disables TLS unless the host is this machine, because the key
// would be sent in clear text. Errors do not contain any part of the string.
func endpoint(connection string) (string, error) {
	var (
		host      string
		clearText bool
	)

	for part := range strings.SplitSeq(connection, ";") {
		name, value, _ := strings.Cut(part, "=")
		switch strings.ToLower(name) {
		case "endpoint":
			u, err := url.Parse(value)
			if err != nil || u.Hostname() == "" {
				return "", state.Errorf(
					state.CodeInvalid,
					"servicebus.New",
					"the Endpoint of the connection string is invalid: use sb://name",
				)
			}

			host = u.Host
		case "usedevelopmentemulator":
			on, err := strconv.ParseBool(value)
			clearText = clearText || err == nil && on
		}
	}

	if clearText && !loopback(host) {
		return "", state.Errorf(
			state.CodeInvalid,
			"servicebus.New",
			"UseDevelopmentEmulator sends the key in clear text and is allowed for loopback addresses only",
		)
	}

	return host, nil
}

func loopback(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}

	ip := net.ParseIP(strings.Trim(name, "[]"))

	return strings.EqualFold(name, "localhost") || ip != nil && ip.IsLoopback()
}
