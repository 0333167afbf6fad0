package agent

import (
	"fmt"

	core "k8s.io/api/core/v1"
)

// problem is why a container cannot run, as it appears in its waiting state.
type problem struct{ reason, message string }

func (p *problem) Error() string { return p.reason + ": " + p.message }

func unsupported(format string, args ...any) *problem {
	return &problem{"CreateContainerConfigError", fmt.Sprintf(format, args...) + " is not supported by the test cluster's node agent"}
}

// checkPod finds what in a pod we cannot do: better no pod than one that lacks
// something silently. The result is nil if there is nothing.
func checkPod(pod *core.Pod) *problem {
	if len(pod.Spec.InitContainers) > 0 {
		return unsupported("init container %q", pod.Spec.InitContainers[0].Name)
	}
	for _, volume := range pod.Spec.Volumes {
		if volume.EmptyDir == nil && !isTokenVolume(volume) {
			return unsupported("the type of volume %q", volume.Name)
		}
	}
	for _, container := range pod.Spec.Containers {
		for kind, probe := range map[string]*core.Probe{
			"readiness": container.ReadinessProbe, "liveness": container.LivenessProbe, "startup": container.StartupProbe,
		} {
			if probe != nil && probe.HTTPGet == nil && probe.TCPSocket == nil {
				return unsupported("the %s probe of container %q (neither httpGet nor tcpSocket)", kind, container.Name)
			}
		}
	}
	return nil
}

// isTokenVolume is whether a volume is the one that the API server adds for the
// service account.
func isTokenVolume(volume core.Volume) bool {
	if volume.Projected == nil {
		return false
	}
	for _, source := range volume.Projected.Sources {
		if source.ServiceAccountToken != nil {
			return true
		}
	}
	return false
}

// wantsToken is whether the pod gets its service account's files: if so, the
// API server has added a volume for them.
func wantsToken(pod *core.Pod) bool {
	for _, volume := range pod.Spec.Volumes {
		if isTokenVolume(volume) {
			return true
		}
	}
	return false
}

// program is what stands for a container's image.
func program(images map[string]string, image string) (string, *problem) {
	if path := images[repository(image)]; path != "" {
		return path, nil
	}
	return "", &problem{"ErrImagePull", fmt.Sprintf(
		"no program stands for the image %q: add its repository %q to the cluster's Options.Images", image, repository(image))}
}
