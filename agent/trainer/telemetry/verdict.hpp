// Whether a measurement can be trusted as it stands, and why. Pure: numbers in, a verdict with its evidence out.
// Nothing is ever dropped for its verdict: a throttled measurement is marked, and stays.
#pragma once
#include <string>

#include "rsg/v1/types.pb.h"

namespace rsg::trainer {

/// THROTTLED from this share of the time under thermal slowdown, or under hardware slowdown or power brake, on.
/// Hardware slowdown halves the clocks at least (nvmlClocksThrottleReasonHwSlowdown in NVML's reference), so 5 % of the
/// time cost 2.5 % of the throughput and more, far over the 0.5 % that a result claims. Not lower, since the same page
/// says that it may also be reported while clocks merely change: in a measurement of three seconds one reading of
/// thirty is no verdict. What is less is said in the evidence.
inline constexpr double kThrottledShare = 0.05;
/// HOST_BOUND from this share of queries that found the device without work on.
inline constexpr double kHostBoundShare = 0.5;
/// POWER_LIMITED below this share of the card's default power limit. Healthy cards sit at their default limit under
/// full load, and that alone is no defect: it is VALID, with the share of time noted.
inline constexpr double kPowerLimitShare = 0.9;

/// CONTENDED, on a CPU, from this share of the time on in which a thread waited: as much as makes a number too vague. A
/// machine that has nothing else to do shows 1 to 2 %.
inline constexpr double kContendedShare = 0.1;
/// What is less than this is not even said in the evidence.
inline constexpr double kNotedWaitShare = 0.05;

/// UNSTABLE over this relative half-width of the 95 % interval, and without an interval: what cannot be told from its
/// neighbour by a tenth is no number to compare by, steady or not.
inline constexpr double kVagueHalfWidth = 0.1;

struct Judgement {
  v1::Verdict verdict = v1::VERDICT_VALID;
  /// What it rests on, in words, without an end: "58 % of the time under thermal slowdown, SM clock 1350 of 1980 MHz".
  std::string evidence;
};

/// The evidence that the device was slowed down, by kThrottledShare; empty where it was not, as far as telemetry tells.
std::string Throttling(const v1::Result& result);

/// What the judge knows beside a result.
struct Circumstances {
  bool on_cpu = false;         ///< the device that trains; a GPU waits for its host only as drained_share tells
  bool steady = true;          ///< false where the series never became so
  std::string unsteadiness{};  ///< for this reason
};

/// Judges by `result`'s telemetry, device_limits, drained_share and interval, each of which may be absent. The verdict
/// is the first of these that applies, causes before what they bring about, and the others stand in the evidence after
/// it: THROTTLED      the device was slowed down for part of the time, which makes a series unsteady, too; HOST_BOUND
/// the device waited for the host: the number is not the device's; CONTENDED      the CPU that trained was not its
/// alone, which makes a series unsteady, too; UNSTABLE       the number is no steady one; POWER_LIMITED  the number is
/// right, for a card that is held back; UNSTABLE       the number is hardly known, or nothing tells how well; VALID.
Judgement Judge(const v1::Result& result, const Circumstances& circumstances);

}  // namespace rsg::trainer
