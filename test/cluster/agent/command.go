package agent

import (
	"regexp"
	"strings"
)

// repository is an image reference without its tag and digest.
func repository(image string) string {
	image, _, _ = strings.Cut(image, "@")
	slash := strings.LastIndexByte(image, '/')
	if colon := strings.LastIndexByte(image, ':'); colon > slash { // else it is a registry's port
		return image[:colon]
	}
	return image
}

// everywhere matches an argument that makes a program listen on all addresses.
var everywhere = regexp.MustCompile(`^(--?[A-Za-z0-9][A-Za-z0-9_.-]*=)?(?:0\.0\.0\.0|\[::\])?:(\d+)$`)

// listenAt gives an argument that asks to listen on all addresses the one
// address ip instead, and leaves any other argument alone.
func listenAt(argument, ip string) string {
	return everywhere.ReplaceAllString(argument, "${1}"+ip+":${2}")
}

// expand replaces $(NAME) by the variable's value. As in Kubernetes, a variable
// that is not set stays as it is written, and $$ is one dollar sign.
func expand(text string, variables map[string]string) string {
	out := strings.Builder{}
	for {
		before, after, found := strings.Cut(text, "$")
		out.WriteString(before)
		if !found {
			return out.String()
		}
		text = after
		if strings.HasPrefix(text, "$") {
			out.WriteByte('$')
			text = text[1:]
			continue
		}
		name, rest, closed := strings.Cut(strings.TrimPrefix(text, "("), ")")
		value, known := variables[name]
		if !strings.HasPrefix(text, "(") || !closed || !known {
			out.WriteByte('$')
			continue
		}
		out.WriteString(value)
		text = rest
	}
}

// arguments are those of the program that stands for a container.
func arguments(command, args []string, variables map[string]string, ip string) []string {
	var all []string
	if len(command) > 1 {
		all = append(all, command[1:]...)
	}
	all = append(all, args...)
	for i := range all {
		all[i] = listenAt(expand(all[i], variables), ip)
	}
	return all
}
