"""Faults of starts from zero that users of other systems report, and the tests that would show them.

Issues are those of KEDA's HTTP add-on (`http-add-on`), of Knative Serving and of the other systems that are
named. A test that is renamed or removed must be replaced here.
"""

import ast
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[2]

ACTIVATOR = "component/activator"
CYCLES = "integration/activator/test_down_up_cycles"
ENDPOINTS = "component/controller/front/test_http_endpoints"
FAULTS = f"{ACTIVATOR}/passing_on/test_replica_faults"
HELD = f"{ACTIVATOR}/holding/test_holding::test_a_request_is_held_until_a_replica_is_ready"
POOLS = "component/controller/front/test_http_pools"
TABLES = "component/controller/front/test_routing_tables"
COLD = "integration/activator/test_cold_requests"


@dataclass(frozen=True)
class Complaint:
    """One kind of fault, where it was reported, and the tests that would show it here."""

    what: str
    issues: str
    tests: tuple[str, ...]


COMPLAINTS = (
    Complaint(
        "the first request at zero fails, with 502, 503 or 404",
        "http-add-on 432, 854, 1492; production-stack 1003; AIBrix 476; envoy ai-gateway 2327; "
        "kgateway 12219; gateway-api-inference-extension 1800; Ray 59076",
        (
            HELD,
            f"{COLD}::test_a_request_at_zero_is_answered_and_the_pool_returns_to_zero",
            "e2e/test_http::test_a_caller_of_a_model_at_zero_gets_its_answer",
        ),
    ),
    Complaint(
        "the first request takes much longer than the pod: back-off of connection attempts",
        "http-add-on 586, 1385",
        (
            f"{ACTIVATOR}/passing_on/test_latency::test_a_release_waits_for_no_timer",
            f"{ACTIVATOR}/passing_on/test_latency::test_a_replica_behind_a_black_hole_costs_one_attempt",
            f"{ACTIVATOR}/passing_on/test_latency::test_attempts_do_not_grow_apart",
            f"{FAULTS}::test_the_only_replica_is_tried_again_until_it_listens",
        ),
    ),
    Complaint(
        "the proxy in the path makes warm requests slower, for ever",
        "http-add-on 1385",
        (
            f"{ACTIVATOR}/passing_on/test_latency::test_a_warm_request_waits_for_no_timer",
            f"{ACTIVATOR}/control/test_leaving::test_kept_connections_are_closed_when_the_pods_answer_themselves",
        ),
    ),
    Complaint(
        "after a long idle time the first request is held and nothing is scaled up",
        "http-add-on 1692",
        (
            f"{ACTIVATOR}/control/test_long_idle::test_a_cold_request_after_a_long_time_is_reported_and_answered",
            f"{POOLS}::test_after_hours_at_zero_a_held_request_is_demand_at_once",
        ),
    ),
    Complaint(
        "errors while pods come and go: connections refused, reset, broken off",
        "Knative 9888, 10528, 15033, 15450, 16606",
        (
            f"{FAULTS}::test_a_replica_that_does_not_listen_yet_is_passed_over",
            f"{FAULTS}::test_a_request_whose_bytes_went_out_is_never_sent_again",
            f"{FAULTS}::test_an_answer_that_breaks_off_is_broken_off_for_the_client_too",
            f"{CYCLES}::test_no_request_is_lost_or_executed_twice_while_parts_are_stopped_and_killed",
        ),
    ),
    Complaint(
        "the first ready replica gets the whole backlog",
        "http-add-on 1038",
        (
            f"{ACTIVATOR}/holding/test_holding::test_no_replica_gets_more_than_its_slots",
            f"{COLD}::test_a_burst_is_let_go_at_the_replicas_pace",
        ),
    ),
    Complaint(
        "what is held has no bound, until memory ends",
        "http-add-on 1732, 1733",
        (
            f"{ACTIVATOR}/holding/test_memory::test_large_bodies_beyond_the_budget_are_not_in_memory",
            f"{ACTIVATOR}/holding/test_memory::test_heads_beyond_their_bound_are_refused",
            f"{ACTIVATOR}/holding/test_refusals::test_the_pools_own_bound_refuses_the_next_request",
            f"{ACTIVATOR}/holding/test_refusals::test_connections_beyond_the_bound_are_closed_at_once",
        ),
    ),
    Complaint(
        "one caller's requests keep all others waiting",
        "nowhere on offer: no fairness in what http-add-on and Knative hold",
        (
            f"{ACTIVATOR}/holding/test_refusals::test_one_client_can_not_take_all_places",
            "unit/activator/gate/test_fair_queue::"
            "test_a_client_with_one_request_does_not_wait_for_a_client_with_many",
        ),
    ),
    Complaint(
        "one hung or unreachable proxy ends scaling for all, or the count of the others is lost",
        "http-add-on 870, 882, 1667, 1730",
        (
            f"{ACTIVATOR}/control/test_hung_activators::test_what_the_other_holds_is_demand_and_is_answered",
            f"{ACTIVATOR}/control/test_hung_activators::"
            "test_without_anything_held_it_makes_demand_unknown_and_not_zero",
            f"{POOLS}::test_a_silent_activator_hides_no_demand_of_the_others",
            f"{TABLES}::test_a_frozen_activator_holds_up_nobody_and_takes_no_room",
        ),
    ),
    Complaint(
        "a hung replica holds up requests that others could take",
        "Ray 38118",
        (
            f"{ACTIVATOR}/passing_on/test_latency::test_a_replica_that_hangs_keeps_only_what_it_was_given",
            f"{FAULTS}::test_a_replica_that_never_listens_ends_in_an_answer",
        ),
    ),
    Complaint(
        "an edit does not reach what is under way",
        "http-add-on 1656, 1659; Dynamo 4420",
        (
            f"{ACTIVATOR}/holding/test_edited_pools::test_a_lowered_bound_refuses_the_next_and_nobody_who_waits",
            f"{ACTIVATOR}/holding/test_edited_pools::test_those_who_wait_go_to_the_port_that_the_service_has_now",
            f"{ACTIVATOR}/holding/test_edited_pools::test_a_raised_budget_is_given_to_those_who_wait",
            f"{ACTIVATOR}/holding/test_edited_pools::test_a_raised_concurrency_lets_more_go_at_once",
            f"{POOLS}::test_an_edit_of_the_source_keeps_port_and_switch",
        ),
    ),
    Complaint(
        "the start takes longer than the proxy waits, and is taken back, so that the model never comes up",
        "Knative 13208; KServe 469, 1247, 1641, 1805, 3795; ai-accelerator 22; Sablier 61; sie 293",
        (
            f"{COLD}::test_a_start_that_outlasts_its_callers_patience_is_not_taken_back",
            f"{ACTIVATOR}/holding/test_slow_starts::"
            "test_who_was_held_for_the_whole_budget_is_told_to_come_back_and_stays_demand",
            f"{ACTIVATOR}/holding/test_slow_starts::"
            "test_a_start_that_gets_longer_refuses_newcomers_at_once_and_nobody_who_waits",
            f"{ACTIVATOR}/holding/test_slow_starts::"
            "test_a_start_beyond_any_patience_ends_in_answers_and_not_in_cut_connections",
            f"{ACTIVATOR}/holding/test_refusals::test_an_early_503_says_when_to_come_back_and_still_counts_as_demand",
            f"{ACTIVATOR}/passing_on/test_clients::test_openai_comes_back_by_itself_when_it_was_told_to",
        ),
    ),
    Complaint(
        "at zero the model leaves the list of models, and with it the sign that anybody wants it",
        "Dynamo 10751, 10753, 11536; production-stack 1003",
        (
            f"{ACTIVATOR}/passing_on/test_clients::test_openai_list_of_models_is_held_and_not_empty",
            f"{COLD}::test_a_controller_that_starts_anew_goes_on_with_the_same_port",
            "integration/activator/test_killed_parts::"
            "test_a_killed_activator_fails_what_it_held_and_its_successor_goes_on",
        ),
    ),
    Complaint(
        "at zero there is no series that would show demand",
        "llm-d 2492; production-stack 1003; http-add-on 870",
        (
            f"{ACTIVATOR}/control/test_control::test_a_held_request_is_reported_at_once",
            f"{POOLS}::test_held_requests_are_demand_though_a_server_can_not_be_read",
        ),
    ),
    Complaint(
        "idleness is concluded from completed requests, or from samples between which a quick one fits",
        "llm-d autoscaling's retention period; Kthena 1019",
        (
            "e2e/test_http::test_a_stream_longer_than_the_idle_time_is_not_cut",
            f"{COLD}::test_what_runs_at_the_servers_keeps_the_pool_up",
            "component/sources/http/test_scrape::"
            "test_a_request_that_came_and_went_between_two_readings_is_seen",
        ),
    ),
    Complaint(
        "a request that comes while the last replica stops is lost, or a busy pod is stopped",
        "Knative 13075; Kthena 1019",
        (
            "integration/activator/test_killed_parts::test_a_request_that_comes_while_the_pool_stops_is_not_lost",
            f"{ENDPOINTS}::test_no_stop_before_every_activator_holds_what_arrives",
        ),
    ),
    Complaint(
        "what gathers during a start buys replicas that nobody needs once it is over",
        "Knative 4344, 4993, 6743, 8390, 8610",
        (
            "unit/core/policy/test_closed_loop::test_a_burst_is_met_with_what_it_needs_and_not_one_replica_per_request",
            "unit/core/policy/test_decisions::test_a_late_request_does_not_ask_for_more_than_waits",
        ),
    ),
    Complaint(
        "a backlog is met one replica at a time",
        "KubeAI 229; KEDA 5493",
        (
            "unit/core/policy/test_closed_loop::test_few_replicas_early_do_the_work_of_many_at_the_last_moment",
        ),
    ),
    Complaint(
        "a controller that restarts begins with a rash decision, or two of them disagree",
        "Knative 2705; KubeAI 67",
        (
            "integration/activator/test_killed_parts::test_a_controller_killed_while_requests_wait",
            f"{TABLES}::test_a_new_leader_sends_nothing_before_it_knows_all_pools",
            f"{TABLES}::test_a_new_leader_grants_nothing_while_old_tables_may_be_gone_by",
        ),
    ),
    Complaint(
        "endpoints are left behind",
        "Knative 7701, 15510",
        (
            "integration/activator/test_leave::test_a_standby_that_ends_late_undoes_nothing",
            f"{POOLS}::test_another_service_is_another_matter",
        ),
    ),
    Complaint(
        "models of one name in two namespaces are taken for one",
        "gateway-api-inference-extension 2309",
        (f"{ACTIVATOR}/holding/test_holding::test_pools_of_one_name_in_two_namespaces_do_not_mix",),
    ),
    Complaint(
        "nobody can see that a request was held, for how long, or how long starts take",
        "http-add-on 365, 1721, 1776; Knative 2495, 13459; gateway-api-inference-extension 1798",
        (
            HELD,
            f"{ACTIVATOR}/holding/test_metrics::test_a_cold_start_lasts_until_the_first_byte_of_the_answer",
            f"{ACTIVATOR}/holding/test_metrics::test_the_start_of_a_large_model_is_no_more_than_a_bucket",
            f"{ACTIVATOR}/control/test_control::test_metrics_by_pool",
        ),
    ),
    Complaint(
        "a caller who waits sees nothing meanwhile",
        "http-add-on 874, 1444",
        (
            f"{ACTIVATOR}/passing_on/test_heartbeats::test_heartbeats_are_only_for_clients_that_accept_event_streams",
        ),
    ),
    Complaint(
        "no gRPC, no HTTP/2",
        "http-add-on 1084, 1473",
        (
            f"{ACTIVATOR}/passing_on/test_http_2::test_a_grpc_call_is_held_and_answered",
            f"{ACTIVATOR}/passing_on/test_http_2::test_httpx_with_prior_knowledge",
        ),
    ),
)


@cache
def names_in(module: str) -> frozenset[str]:
    """Names of a module's tests."""
    tree = ast.parse((TESTS / f"{module}.py").read_text())
    functions = (node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return frozenset(node.name for node in functions if node.name.startswith("test_"))


@pytest.mark.parametrize("complaint", COMPLAINTS, ids=lambda complaint: complaint.what)
def test_every_complaint_has_its_tests(complaint: Complaint) -> None:
    assert complaint.tests
    for each in complaint.tests:
        module, _, name = each.partition("::")
        assert name in names_in(module), each
