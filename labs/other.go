//go:build !linux

package labs

import (
	"context"
	"errors"
	"net/netip"
)

// errLinux is what every step of a lab gives where there are no network namespaces.
var errLinux = errors.New("labs need Linux: there are no network namespaces here")

func allowed() error                                { return errLinux }
func makeNamespace(string) error                    { return errLinux }
func dropNamespace(string) error                    { return errLinux }
func namespaceExists(string) bool                   { return false }
func makeBridge(_, _ string) error                  { return errLinux }
func makePair(_, _ Port, _ int) error               { return errLinux }
func dropInterface(string) error                    { return errLinux }
func overlap([]netip.Prefix) (string, error)        { return "", errLinux }
func inNode(room, func() error) error               { return errLinux }
func become(room, string, []string, []string) error { return errLinux }
func startTime(int) (uint64, error)                 { return 0, errLinux }
func running(int, uint64) bool                      { return false }
func evict(context.Context, []string) error         { return errLinux }
func interfaces(string) ([]string, error)           { return nil, errLinux }
func packetSocket(_, _ string) (int, error)         { return -1, errLinux }
func capture(context.Context, int, pcapWriter, CaptureOptions) (CaptureStats, error) {
	return CaptureStats{}, errLinux
}
