"""Traces of OpenTelemetry: spans that are made after the fact, from times that the service measures anyway."""
