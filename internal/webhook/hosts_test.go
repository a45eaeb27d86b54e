package webhook

import (
	"errors"
	"strings"
	"testing"
)

func TestOnlyListedHostsAreAllowed(t *testing.T) {
	t.Parallel()

	const list = "hooks.example.com, *.example.org, api.example.net:8443, 203.0.113.7, [2001:db8::1]:444, " +
		"localhost, 127.0.0.1:9000"

	hosts, err := ParseHosts(list)
	if err != nil {
		t.Fatal(err)
	}

	for callback, want := range map[string]string{
		"https://hooks.example.com/x":             "",
		"https://HOOKS.example.com/x?token=1":     "",
		"https://hooks.example.com:443":           "",
		"https://hooks.example.com:8443/":         `"hooks.example.com:8443" is not in CALLBACK_HOSTS`,
		"https://a.example.org/":                  "",
		"https://a.b.example.org/":                "",
		"https://example.org/":                    `"example.org" is not in CALLBACK_HOSTS`,
		"https://evilexample.org/":                `"evilexample.org" is not in CALLBACK_HOSTS`,
		"https://hooks.example.com.evil.test/":    `"hooks.example.com.evil.test" is not in CALLBACK_HOSTS`,
		"https://api.example.net:8443/":           "",
		"https://api.example.net/":                `"api.example.net" is not in CALLBACK_HOSTS`,
		"https://203.0.113.7/":                    "",
		"https://[2001:db8::1]:444/":              "",
		"http://localhost:5000/":                  "",
		"http://127.0.0.1:9000/":                  "",
		"http://127.0.0.1:9001/":                  `"127.0.0.1:9001" is not in CALLBACK_HOSTS`,
		"http://hooks.example.com/":               `the scheme is "http": want https`,
		"ftp://hooks.example.com/":                `the scheme is "ftp": want https`,
		"https://user:" + "pw@hooks.example.com/": "holds a user name or password",
		"https://hooks.example.com/#part":         "holds a fragment",
		"//hooks.example.com/":                    `the scheme is ""`,
		"hooks.example.com/x":                     "is not an absolute URL",
		"https:///x":                              "is not an absolute URL",
		"https://hooks.example.com/\x7f":          "is not an absolute URL",
		"":                                        "is not an absolute URL",
		"https://a.example.org/" + big():          "above the maximum of 2048",
		"https://hooks.example.com@evil.test/":    "holds a user name or password",
		"https://evil.test/?x=hooks.example.com":  `"evil.test" is not in CALLBACK_HOSTS`,
	} {
		err := hosts.Check(callback)

		var refused *RefusedError
		if want == "" && err != nil ||
			want != "" && (!errors.As(err, &refused) || !strings.Contains(err.Error(), want)) {
			t.Errorf("%.80q: %v, want %q", callback, err, want)
		}
	}
}

func big() string { return strings.Repeat("x", MaxURL) }

func TestNoHostIsAllowedByDefault(t *testing.T) {
	t.Parallel()

	if err := (Hosts{}).Check("https://example.com/"); err == nil ||
		!strings.Contains(err.Error(), "CALLBACK_HOSTS lists no host") {
		t.Errorf("got %v", err)
	}
}

func TestListsOfHostsAreChecked(t *testing.T) {
	t.Parallel()

	for _, list := range []string{
		"*", "*.com", "https://example.com", "example.com/path", "a*.example.com", "example.com:", "example.com:99999",
		"user@example.com", "exa mple.com", "[::1",
	} {
		if hosts, err := ParseHosts(list); err == nil {
			t.Errorf("%q is read as %v, want an error", list, hosts)
		}
	}

	if hosts, err := ParseHosts(" , "); err != nil || len(hosts) != 0 {
		t.Errorf("an empty list: %v, %v", hosts, err)
	}
}

func FuzzCheck(f *testing.F) {
	f.Add("https://hooks.example.com/x")
	f.Add("http://localhost:80/")
	f.Add("https://hooks.example.com\\@evil.test/")

	hosts, err := ParseHosts("hooks.example.com,*.example.org")
	if err != nil {
		f.Fatal(err)
	}

	f.Fuzz(func(t *testing.T, callback string) {
		u, err := hosts.parse(callback)
		if err != nil {
			return
		}

		name := strings.ToLower(u.Hostname())
		if name != "hooks.example.com" && !strings.HasSuffix(name, ".example.org") || u.Scheme != "https" ||
			u.User != nil {
			t.Errorf("%q is allowed", callback)
		}
	})
}
