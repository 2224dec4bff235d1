"""An SDK of OpenTelemetry that keeps everything in memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter


class Telemetry:
    """What has been exported since the test began."""

    def __init__(self) -> None:
        self.spans = InMemorySpanExporter()
        self.reader = InMemoryMetricReader()
        tracers = TracerProvider()
        tracers.add_span_processor(SimpleSpanProcessor(self.spans))
        trace.set_tracer_provider(tracers)
        metrics.set_meter_provider(MeterProvider([self.reader]))
        self._before: dict[Any, float] = {}

    def begin(self) -> None:
        self.spans.clear()
        self._before = {key: _total(point) for key, point in self._points()}

    def named(self, name: str) -> list[ReadableSpan]:
        """The spans of a name, in the order in which they began."""
        found = [span for span in self.spans.get_finished_spans() if span.name == name]
        return sorted(found, key=lambda span: span.start_time or 0)

    def one(self, name: str) -> ReadableSpan:
        (span,) = self.named(name)
        return span

    def measured(self, name: str, **attributes: object) -> float:
        """What was added to a counter, or to the sum of a histogram, since the test began."""
        return sum(
            _total(point) - self._before.get(key, 0.0)
            for key, point in self._points()
            if key[0] == name and attributes.items() <= dict(key[1]).items()
        )

    def exported(self) -> str:
        """Everything, as text."""
        spans = (span.to_json() for span in self.spans.get_finished_spans())
        return " ".join((*spans, *(str(key) for key, _ in self._points())))

    def _points(self) -> list[tuple[Any, Any]]:
        data = self.reader.get_metrics_data()
        return [
            ((metric.name, tuple(sorted(point.attributes.items()))), point)
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
            for point in metric.data.data_points
        ]


def _total(point: Any) -> float:
    return float(point.sum if hasattr(point, "sum") else point.value)


@pytest.fixture(scope="session")
def _sdk() -> Telemetry:
    # A process has one; nothing but these tests looks at it.
    return Telemetry()


@pytest.fixture
def telemetry(_sdk: Telemetry) -> Iterator[Telemetry]:
    _sdk.begin()
    yield _sdk
    _sdk.spans.clear()
