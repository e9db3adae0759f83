#include "core/cores.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace incipit {
namespace {

namespace fs = std::filesystem;

// A hierarchy of control groups in files, and a process's place in it.
class Cgroups : public testing::Test {
 protected:
  Cgroups()
      : folder_(fs::path(testing::TempDir()) /
                testing::UnitTest::GetInstance()->current_test_info()->name()) {
    fs::remove_all(folder_);
  }
  ~Cgroups() override { fs::remove_all(folder_); }

  void write(const fs::path& name, const std::string& text) {
    fs::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name) << text;
  }
  std::optional<CpuQuota> quota(const std::string& membership) {
    write("membership", membership);
    return cpu_quota(folder_ / "membership", folder_ / "root");
  }

 private:
  fs::path folder_;
};

TEST_F(Cgroups, ThatSetNoLimitHaveNoQuota) {
  EXPECT_FALSE(quota("0::/\n"));
  EXPECT_FALSE(quota(""));
  write("root/a/cpu.max", "max 100000\n");
  write("root/cpu/b/cpu.cfs_quota_us", "-1\n");
  write("root/cpu/b/cpu.cfs_period_us", "100000\n");
  EXPECT_FALSE(quota("4:cpu,cpuacct:/b\n0::/a\n"));
}

TEST_F(Cgroups, OfVersion2SayCpuMax) {
  write("root/cpu.max", "250000 100000\n");  // a container with its own namespace
  const auto found = quota("0::/\n");
  ASSERT_TRUE(found);
  EXPECT_DOUBLE_EQ(found->cores, 2.5);
  EXPECT_EQ(found->file, "cpu.max");
}

TEST_F(Cgroups, AreWalkedUpToTheRootForTheSmallestQuota) {
  write("root/pods/cpu.max", "200000 100000\n");
  write("root/pods/one/cpu.max", "800000 100000\n");
  write("root/pods/one/shell/cpu.max", "max 100000\n");
  write("root/pods/other/cpu.max", "100000 100000\n");  // not this process's
  EXPECT_DOUBLE_EQ(quota("0::/pods/one/shell\n")->cores, 2);
  write("root/pods/one/cpu.max", "150000 100000\n");
  EXPECT_DOUBLE_EQ(quota("0::/pods/one/shell\n")->cores, 1.5);
}

TEST_F(Cgroups, OfVersion1DivideQuotaByPeriod) {
  write("root/cpu,cpuacct/job/cpu.cfs_quota_us", "150000\n");
  write("root/cpu,cpuacct/job/cpu.cfs_period_us", "50000\n");
  write("root/memory/job/cpu.cfs_quota_us", "1\n");  // not the hierarchy of the controller cpu
  write("root/memory/job/cpu.cfs_period_us", "1\n");
  const auto found = quota("5:memory:/job\n3:cpuset:/job\n2:cpu,cpuacct:/job/step\n");
  ASSERT_TRUE(found);
  EXPECT_DOUBLE_EQ(found->cores, 3);
  EXPECT_EQ(found->file, "cpu.cfs_quota_us");
}

TEST_F(Cgroups, WhosePathIsTheHostsAreFoundAtTheMountPoint) {
  write("root/cpu/cpu.cfs_quota_us", "200000");
  write("root/cpu/cpu.cfs_period_us", "100000");
  EXPECT_DOUBLE_EQ(quota("1:cpu:/docker/0123\n0::/\n")->cores, 2);
  write("root/unified/cpu.max", "100000 100000");
  EXPECT_DOUBLE_EQ(quota("1:cpu:/docker/0123\n0::/../outside\n")->cores, 1);
}

TEST(UsableCores, AreTheFewerOfAffinityAndQuota) {
  UsableCores cores{.machine = 64, .affinity = 64, .quota = CpuQuota{2, "cpu.max"}};
  EXPECT_EQ(cores.count(), 2);
  EXPECT_EQ(cores.reason(), "cgroup cpu.max allows 2 of 64 cores");
  cores.quota->cores = 2.9;
  EXPECT_EQ(cores.count(), 2);
  cores.quota->cores = 0.3;
  EXPECT_EQ(cores.count(), 1);
  EXPECT_EQ(cores.reason(), "cgroup cpu.max allows 0.3 of 64 cores");
  cores.quota->cores = 100;
  EXPECT_EQ(cores.count(), 64);
  EXPECT_EQ(cores.reason(), "the machine has 64 cores");
  cores.affinity = 8;
  EXPECT_EQ(cores.count(), 8);
  EXPECT_EQ(cores.reason(), "CPU affinity allows 8 of 64 cores");
}

TEST(UsableCores, OfThisProcessAreWithinItsAffinity) {
  const UsableCores cores = usable_cores();
  const cpu_set_t own = own_cores();
  EXPECT_EQ(cores.affinity, CPU_COUNT(&own));
  EXPECT_GE(cores.machine, cores.affinity);
  EXPECT_GE(cores.count(), 1);
  EXPECT_LE(cores.count(), cores.affinity);
}

}  // namespace
}  // namespace incipit
