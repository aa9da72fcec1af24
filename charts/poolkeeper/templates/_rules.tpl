{{/* What the operator does in a namespace that holds pools; docs/security.md gives the reason for each rule. */}}
{{- define "poolkeeper.poolRules" -}}
- apiGroups: [poolkeeper.dev]
  resources: [acceleratorpools]
  verbs: [get, list, watch]
- apiGroups: [poolkeeper.dev]
  resources: [acceleratorpools/status]
  verbs: [patch]
{{- range .Values.targets }}
- apiGroups: [{{ .apiGroup | quote }}]
  resources: {{ .resources | toJson }}
  verbs: [get]
- apiGroups: [{{ .apiGroup | quote }}]
  resources:
  {{- range .resources }}
  - {{ . }}/scale
  {{- end }}
  verbs: [get, update]
{{- end }}
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch]
- apiGroups: [""]
  resources: [events]
  verbs: [create, get, list, patch]
- apiGroups: [autoscaling]
  resources: [horizontalpodautoscalers]
  verbs: [list]
- apiGroups: [keda.sh]
  resources: [scaledobjects]
  verbs: [list]
- apiGroups: [resource.k8s.io]
  resources: [resourceclaimtemplates, resourceclaims]
  verbs: [get]
{{- if .Values.activator.enabled }}
- apiGroups: [""]
  resources: [services]
  verbs: [get]
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  verbs: [list, create, patch, delete]
{{ include "poolkeeper.networkRules" . }}
{{- end }}
{{- end -}}

{{/* How the operator finds the activators, in its own namespace. */}}
{{- define "poolkeeper.activatorRules" -}}
- apiGroups: [""]
  resources: [pods]
  verbs: [list]
{{ include "poolkeeper.networkRules" . }}
{{- end -}}

{{/* How the operator sees that policies keep the activators from pods, at both ends. */}}
{{- define "poolkeeper.networkRules" -}}
- apiGroups: [networking.k8s.io]
  resources: [networkpolicies]
  verbs: [list]
- apiGroups: [""]
  resources: [namespaces]
  verbs: [get]
{{- end -}}

{{/* What the operator does with the catalogue and with quotas, which belong to no namespace. */}}
{{- define "poolkeeper.classRules" -}}
- apiGroups: [poolkeeper.dev]
  resources: [acceleratorclasses]
  verbs: [get, list, watch]
- apiGroups: [resource.k8s.io]
  resources: [deviceclasses]
  verbs: [get]
- apiGroups: [poolkeeper.dev]
  resources: [acceleratorquotas]
  verbs: [list, watch]
- apiGroups: [poolkeeper.dev]
  resources: [acceleratorquotas/status]
  verbs: [patch]
{{- if .Values.classes.install }}
- apiGroups: [poolkeeper.dev]
  resources: [acceleratorclasses]
  verbs: [create, patch]
{{- end }}
{{- end -}}
