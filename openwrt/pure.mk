# A Python library as a package for any router: its modules are copied out of the source that its authors release, and
# parts that a C compiler would make are left out. Nothing is built, so no build backend is needed on the host.
# Set PURE_FROM (a directory of the source, default: its top) and PURE_MODULES (what is copied); PURE_LEFT_OUT lists
# what a daemon never loads. To be included after PKG_* and PYPI_*; end with $(eval $(call PurePackage,python3-NAME)).

PYTHON3_PKG_BUILD:=0
PKG_BUILD_PARALLEL:=0

# How feeds outside of openwrt/packages find the Python of that feed.
include $(TOPDIR)/feeds/packages/lang/python/pypi.mk
include $(INCLUDE_DIR)/package.mk
include $(TOPDIR)/feeds/packages/lang/python/python3-package.mk

PURE_FROM?=.

define PurePackage/Default
  SECTION:=lang
  CATEGORY:=Languages
  SUBMENU:=Python
  PKGARCH:=all
endef

define Build/Configure
endef

define Build/Compile
	$(INSTALL_DIR) $(PKG_INSTALL_DIR)$(PYTHON3_PKG_DIR)
	$(CP) $(foreach module,$(PURE_MODULES),$(PKG_BUILD_DIR)/$(PURE_FROM)/$(module)) $(PKG_INSTALL_DIR)$(PYTHON3_PKG_DIR)/
	$(foreach part,$(PURE_LEFT_OUT),rm -rf $(PKG_INSTALL_DIR)$(PYTHON3_PKG_DIR)/$(part);)
	$(FIND) $(PKG_INSTALL_DIR)$(PYTHON3_PKG_DIR) -type f -not -name '*.py' -delete
endef

define PurePackage
  $(eval $(call Py3Package,$(1)))
  $(eval $(call BuildPackage,$(1)))
  $(eval $(call BuildPackage,$(1)-src))
endef
