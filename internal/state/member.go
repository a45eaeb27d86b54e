package state

import (
	"encoding/json"
	"strings"
)

// Member returns a member of a JSON object. Names of nested members are
// separated by dots. It returns nil if the object has no member at the
// path, or if the member is null.
func Member(object json.RawMessage, path string) json.RawMessage {
	for name := range strings.SplitSeq(path, ".") {
		var members map[string]json.RawMessage
		if err := json.Unmarshal(object, &members); err != nil {
			return nil
		}

		object = members[name]
	}

	if string(object) == "null" {
		return nil
	}

	return object
}
