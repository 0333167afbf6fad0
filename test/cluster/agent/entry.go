package agent

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	authentication "k8s.io/api/authentication/v1"
	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// tokenLife is how long a pod's token is good for. It is not renewed.
const tokenLife = 24 * time.Hour

// entry is what the container's process becomes.
func (c *container) entry(ctx context.Context) (entry, error) {
	a, pod := c.worker.agent, c.worker.latest()
	if problem := checkPod(pod); problem != nil {
		return entry{}, problem
	}
	path, problem := program(a.options.Images, c.spec.Image)
	if problem != nil {
		return entry{}, problem
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	variables, err := a.environment(ctx, pod, c.spec, c.worker.ip)
	if err != nil {
		return entry{}, err
	}
	e := entry{
		Program: path, Hostname: pod.Name, Hosts: a.options.Hosts, Isolated: a.isolated,
		Args: arguments(c.spec.Command, c.spec.Args, variables, a.options.Serve(c.worker.ip)),
	}
	if wantsToken(pod) {
		token, err := a.token(ctx, pod)
		if err != nil {
			return entry{}, fmt.Errorf("get a token for service account %s: %w", pod.Spec.ServiceAccountName, err)
		}
		if a.isolated {
			e.Files = map[string]string{"token": token, "ca.crt": string(a.ca), "namespace": pod.Namespace}
		} else if variables["KUBECONFIG"], err = a.kubeconfig(c.worker.dir, pod.Namespace, token); err != nil {
			return entry{}, err
		}
	}
	e.Env = list(variables)
	return e, nil
}

// token gets a token for the pod's service account, bound to the pod.
func (a *Agent) token(ctx context.Context, pod *core.Pod) (string, error) {
	seconds := int64(tokenLife / time.Second)
	request := &authentication.TokenRequest{Spec: authentication.TokenRequestSpec{
		ExpirationSeconds: &seconds,
		BoundObjectRef:    &authentication.BoundObjectReference{Kind: "Pod", APIVersion: "v1", Name: pod.Name, UID: pod.UID},
	}}
	account := pod.Spec.ServiceAccountName
	answer, err := a.options.Client.CoreV1().ServiceAccounts(pod.Namespace).CreateToken(ctx, account, request, meta.CreateOptions{})
	if err != nil {
		return "", err
	}
	return answer.Status.Token, nil
}

// kubeconfig writes what a pod that cannot have files at /var/run/secrets gets
// instead: clients look at the variable KUBECONFIG first.
func (a *Agent) kubeconfig(dir, namespace, token string) (string, error) {
	path := filepath.Join(dir, "kubeconfig")
	server := "https://" + a.options.APIHost + ":" + a.options.APIPort
	err := clientcmd.WriteToFile(clientcmdapi.Config{
		Clusters:       map[string]*clientcmdapi.Cluster{"box": {Server: server, CertificateAuthorityData: a.ca}},
		AuthInfos:      map[string]*clientcmdapi.AuthInfo{"pod": {Token: token}},
		Contexts:       map[string]*clientcmdapi.Context{"pod": {Cluster: "box", AuthInfo: "pod", Namespace: namespace}},
		CurrentContext: "pod",
	}, path)
	if err != nil {
		return "", err
	}
	return path, os.Chmod(path, 0o600)
}
